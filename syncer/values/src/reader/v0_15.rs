//! The dialect of vcluster 0.15 to 0.19: the keys of its chart `vcluster-k8s` (`charts/k8s/values.yaml`) besides those in
//! [`super::chart_keys`], and their handling.

use super::forms::Form;
use super::table::Fate::{Idle, Inside, Only, Read, Refuse, Required};
use super::table::Shape::{Any, Bool, Items, Labels, Switch, Text, Texts};
use super::table::{DEPLOY, IDLE, Row};
use super::tree::Tree;
use super::{Problem, What};

const ONE_POD: &str = "the control plane is one pod";

const NOT_DONE: &str = "the syncer does not do this";

const KIND: &str =
    "the syncer does not sync this kind; `sync.generic.config` can export it if it is namespaced";

const ACCOUNT: &str = "the name of the service account is what the host's policy goes by";

const DNS: &str = "the guest's DNS server is for the guest";

/// The keys.
pub(super) const KEYS: &[Row] = &[
    ("fallbackHostDns", Bool, Read(Form::Plain, "fallbackHostDns")),
    ("multiNamespaceMode.enabled", Bool, Required),
    (
        "multiNamespaceMode.namespaceLabels",
        Labels,
        Read(Form::Plain, "namespaces.labels"),
    ),
    (
        "sync.generic.{clusterRole,role}.extraRules",
        Items(&["verbs"]),
        Read(Form::Plain, "sync.generic.{clusterRole,role}.extraRules"),
    ),
    (
        "sync.generic.{clusterRole,role}.extraRules[].{apiGroups,resources,resourceNames,verbs}",
        Texts,
        Inside,
    ),
    (
        "sync.generic.{clusterRole,role}.extraRules[].nonResourceURLs",
        Any,
        Refuse("rules are for resources only"),
    ),
    (
        "sync.generic.clusterScoped",
        Texts,
        Read(Form::Resources, "sync.generic.clusterScoped"),
    ),
    (
        "sync.generic.config",
        Text,
        Read(Form::Text, "sync.generic.kinds"),
    ),
    (
        "sync.{pods,services,configmaps,secrets,endpoints,events}.enabled",
        Bool,
        Only("true", "it is always synced"),
    ),
    (
        "sync.{configmaps,secrets}.all",
        Bool,
        Read(Form::Plain, "toHost.{configMaps,secrets}.all"),
    ),
    (
        "sync.{persistentvolumeclaims,ingresses,networkpolicies,poddisruptionbudgets,priorityclasses,serviceaccounts}.enabled",
        Bool,
        Read(
            Form::Plain,
            "toHost.{persistentVolumeClaims,ingresses,networkPolicies,podDisruptionBudgets,priorityClasses,serviceAccounts}.enabled",
        ),
    ),
    (
        "sync.ingressclasses.enabled",
        Bool,
        Read(Form::Plain, "fromHost.ingressClasses.enabled"),
    ),
    (
        "sync.hoststorageclasses.enabled",
        Bool,
        Read(Form::Plain, "fromHost.storageClasses.enabled"),
    ),
    (
        "sync.nodes.enabled",
        Bool,
        Read(Form::Plain, "fromHost.nodes.enabled"),
    ),
    (
        "sync.nodes.syncAllNodes",
        Bool,
        Read(Form::Plain, "fromHost.nodes.selector.all"),
    ),
    (
        "sync.nodes.nodeSelector",
        Text,
        Read(Form::Selector, "fromHost.nodes.selector.labels"),
    ),
    (
        "sync.nodes.fakeKubeletIPs",
        Bool,
        Idle(Form::Plain, "networking.advanced.proxyKubelets.byIP"),
    ),
    (
        "sync.nodes.{enableScheduler,syncNodeChanges}",
        Bool,
        Refuse("nodes are the host's, and so is what runs where"),
    ),
    ("sync.{fake-nodes,fake-persistentvolumes}.enabled", Bool, IDLE),
    (
        "sync.pods.{ephemeralContainers,status}",
        Bool,
        Refuse("only a pod's own fields are synced"),
    ),
    (
        "sync.{persistentvolumes,storageclasses,legacy-storageclasses,volumesnapshots,csistoragecapacities,csinodes,csidrivers}.enabled",
        Bool,
        Refuse(KIND),
    ),
    (
        "mapServices.fromVirtual",
        Items(&["from", "to"]),
        Read(Form::GuestServices, "networking.replicateServices.toHost"),
    ),
    (
        "mapServices.fromHost",
        Items(&["from", "to"]),
        Read(Form::HostServices, "networking.replicateServices.fromHost"),
    ),
    ("mapServices.{fromVirtual,fromHost}[].{from,to}", Text, Inside),
    (
        "{etcd,api,controller,syncer,scheduler}.replicas",
        Any,
        Only("1", ONE_POD),
    ),
    (
        "{etcd,api,controller}.{nodeSelector,affinity,tolerations,labels,annotations,podAnnotations,podLabels,priorityClassName,securityContext,serviceAnnotations}",
        Any,
        Refuse("the control plane is one pod: set it under `syncer`"),
    ),
    (
        "syncer.{volumeMounts,extraVolumeMounts,volumes,securityContext,podSecurityContext}",
        Any,
        Refuse("the pod's containers are as they are"),
    ),
    (
        "syncer.{livenessProbe,readinessProbe}.enabled",
        Bool,
        Only("true", "the probes are part of how the pod starts"),
    ),
    (
        "syncer.kubeConfigContextName",
        Text,
        Read(Form::Plain, "access.context"),
    ),
    ("etcd.autoDeletePersistentVolumeClaims", Bool, IDLE),
    (
        "scheduler.{image,imagePullPolicy,nodeSelector,affinity,tolerations,labels,annotations,podAnnotations,podLabels,resources,priorityClassName}",
        Any,
        IDLE,
    ),
    (
        "coredns.{integrated,nodeSelector,config,manifests,podAnnotations,podLabels,plugin}",
        Any,
        Refuse("the guest's DNS server is set up as it is"),
    ),
    ("coredns.service.type", Text, Only("ClusterIP", DNS)),
    (
        "coredns.service.{externalIPs,externalTrafficPolicy,annotations}",
        Any,
        Refuse(DNS),
    ),
    (
        "service.{externalIPs,externalTrafficPolicy,loadBalancerIP,loadBalancerSourceRanges,loadBalancerClass}",
        Any,
        Refuse("only the type of the Service can be set"),
    ),
    ("serviceAccount.create", Bool, Only("true", ACCOUNT)),
    ("serviceAccount.name", Text, Refuse(ACCOUNT)),
    (
        "workloadServiceAccount.annotations",
        Any,
        Refuse("it is not supported in multi-namespace mode"),
    ),
    (
        "rbac.clusterRole.create",
        Bool,
        Idle(Form::Plain, "rbac.clusterRole.enabled"),
    ),
    ("rbac.role.create", Bool, Idle(Form::Plain, "rbac.role.enabled")),
    (
        "rbac.{clusterRole,role}.{extended,excludedApiResources}",
        Any,
        IDLE,
    ),
    (
        "{globalAnnotations,plugin,headless,enableHA,pro,openshift.enable,monitoring.serviceMonitor.enabled,ingress.enabled}",
        Any,
        Refuse(NOT_DONE),
    ),
    (
        "isolation.enabled",
        Bool,
        Refuse(
            "Pod Security Standards, a quota and a limit range hold by default; `defaults.policies` changes them and adds a \
             network policy",
        ),
    ),
    (
        "isolation.{podSecurityStandard,resourceQuota,limitRange,networkPolicy}",
        Any,
        IDLE,
    ),
    ("isolation.{namespace,nodeProxyPermission}", Any, IDLE),
    (
        "ingress.{pathType,ingressClassName,host,annotations,tls}",
        Any,
        IDLE,
    ),
    (
        "admission.{validatingWebhooks,mutatingWebhooks}",
        Any,
        Refuse(NOT_DONE),
    ),
    ("init.{manifests,manifestsTemplate,helm}", Any, DEPLOY),
    (
        "proxy.metricsServer.{nodes,pods}.enabled",
        Bool,
        Refuse("it is done where it is said as vcluster 0.20 and later do, `integrations.metricsServer`"),
    ),
    ("telemetry.disabled", Switch, Idle(Form::Not, "telemetry.enabled")),
    (
        "telemetry.{instanceCreator,platformUserID,platformInstanceID,machineID}",
        Text,
        Idle(
            Form::Plain,
            "telemetry.{instanceCreator,platformUserID,platformInstanceID,machineID}",
        ),
    ),
];

/// Returns the problem of a file that switches fake nodes off and shows no node of the host: pods need a node.
pub(super) fn contradiction(document: &Tree) -> Option<Problem> {
    let (_, sync) = document.get("sync")?;
    let (line, fake) = sync.get("fake-nodes").and_then(|(_, fake)| fake.get("enabled"))?;
    let real = sync.get("nodes").and_then(|(_, nodes)| nodes.get("enabled"));
    let shown = real.is_some_and(|(_, real)| !real.is_off());
    (fake.is_off() && !shown).then(|| Problem {
        line,
        what: What::NotDone {
            key: "sync.fake-nodes.enabled".to_owned(),
            why: "only true will do, unless `sync.nodes.enabled` is: pods run on nodes".to_owned(),
        },
    })
}
