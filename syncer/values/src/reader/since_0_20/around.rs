//! Keys besides those of sync and control plane: policies, integrations, vcluster's own bookkeeping.

use crate::reader::forms::Form;
use crate::reader::table::Fate::{Read, Refuse};
use crate::reader::table::Shape::{Any, Bool, OneOf, Switch, Text};
use crate::reader::table::{DEPLOY, IDLE, Row, SAME};

const NOT_DONE: &str = "the syncer does not do this";

/// The keys besides those of sync and control plane.
pub(in crate::reader) const KEYS: &[Row] = &[
    (
        "policies.podSecurityStandard",
        OneOf(&["privileged", "baseline", "restricted", ""]),
        Read(Form::Optional, ""),
    ),
    (
        "policies.{resourceQuota,limitRange,networkPolicy}.enabled",
        Switch,
        Refuse(
            "a quota and a limit range hold by default; `defaults.policies` changes them and adds a network policy, by the \
             same names",
        ),
    ),
    (
        "policies.resourceQuota.{labels,annotations,quota,scopeSelector,scopes}",
        Any,
        IDLE,
    ),
    (
        "policies.limitRange.{labels,annotations,default,defaultRequest,min,max}",
        Any,
        IDLE,
    ),
    (
        "policies.networkPolicy.{labels,annotations,fallbackDns,outgoingConnections,extraControlPlaneRules,extraWorkloadRules}",
        Any,
        IDLE,
    ),
    (
        "policies.centralAdmission.{validatingWebhooks,mutatingWebhooks}",
        Any,
        Refuse(NOT_DONE),
    ),
    (
        "exportKubeConfig.{server,context}",
        Text,
        Read(Form::Plain, "access.{server,context}"),
    ),
    (
        "exportKubeConfig.{insecure,serviceAccount,additionalSecrets}",
        Any,
        Refuse("the kubeconfig is that of the guest's administrator, in Secret vc-NAME"),
    ),
    (
        "exportKubeConfig.secret.{name,namespace}",
        Any,
        Refuse("the kubeconfig is in Secret vc-NAME, beside the control plane"),
    ),
    (
        "integrations.{kubeVirt,externalSecrets,certManager,istio}.enabled",
        Bool,
        Refuse(NOT_DONE),
    ),
    ("integrations.metricsServer.{enabled,nodes,pods}", Bool, SAME),
    // Which Service of the host is behind the API that is asked there.
    ("integrations.metricsServer.apiService", Any, IDLE),
    ("integrations.kubeVirt.{apiService,webhook,sync}", Any, IDLE),
    ("integrations.externalSecrets.{webhook,sync,version}", Any, IDLE),
    ("integrations.{certManager,istio}.sync", Any, IDLE),
    (
        "experimental.syncSettings.{disableSync,rewriteKubernetesService,targetNamespace,hostMetricsBindAddress,virtualMetricsBindAddress}",
        Any,
        Refuse(NOT_DONE),
    ),
    ("experimental.syncSettings.setOwner", Bool, IDLE),
    (
        "experimental.{isolatedControlPlane,virtualClusterKubeConfig,denyProxyRequests}",
        Any,
        Refuse(NOT_DONE),
    ),
    ("experimental.deploy", Any, DEPLOY),
    ("{plugin,plugins,external,pro,sleepMode}", Any, Refuse(NOT_DONE)),
    ("telemetry.enabled", Bool, IDLE),
    (
        "telemetry.{instanceCreator,platformUserID,platformInstanceID,machineID}",
        Text,
        IDLE,
    ),
    ("global", Any, IDLE),
];
