//! The dialect of vcluster 0.20 to 0.25, besides the keys that later dialects have too.

use super::forms::Form;
use super::table::Fate::{Inside, Read, Refuse, Required};
use super::table::Shape::{Any, Bool, Items, Keys, Labels, Text, Texts};
use super::table::{IDLE, Row};

/// The keys; those of `experimental.genericSync` that are in [`super::forms::EMBEDDED`] are added below that.
pub(super) const KEYS: &[Row] = &[
    ("experimental.multiNamespaceMode.enabled", Bool, Required),
    (
        "experimental.multiNamespaceMode.namespaceLabels",
        Labels,
        Read(Form::Plain, "namespaces.labels"),
    ),
    (
        "experimental.genericSync.{clusterRole,role}.extraRules",
        Items(&["verbs"]),
        Read(Form::Plain, "sync.generic.{clusterRole,role}.extraRules"),
    ),
    (
        "experimental.genericSync.{clusterRole,role}.extraRules[].{apiGroups,resources,resourceNames,verbs}",
        Texts,
        Inside,
    ),
    (
        "experimental.genericSync.{clusterRole,role}.extraRules[].nonResourceURLs",
        Any,
        Refuse("rules are for resources only"),
    ),
    (
        "experimental.genericSync.clusterScoped",
        Texts,
        Read(Form::Resources, "sync.generic.clusterScoped"),
    ),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.image",
        Keys,
        Read(Form::Program, "{api,controller}.image"),
    ),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.image.{registry,repository,tag}",
        Text,
        Inside,
    ),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.imagePullPolicy",
        Text,
        Read(Form::Plain, "{api,controller}.imagePullPolicy"),
    ),
    (
        "controlPlane.distro.{k3s,k0s}.enabled",
        Bool,
        Refuse("the control plane is Kubernetes' own programs"),
    ),
    (
        "controlPlane.distro.{k3s,k0s}.{token,config,command,extraArgs,env,image,imagePullPolicy,resources,securityContext}",
        Any,
        IDLE,
    ),
];
