//! Keys of the sync, and of networking between the two sides.

use crate::reader::forms::Form;
use crate::reader::table::Fate::{Inside, Only, Read, Refuse};
use crate::reader::table::Shape::{Any, Bool, Items, Labels, Switch, Text, Texts};
use crate::reader::table::{IDLE, Row};

const NOT_DONE: &str = "the syncer does not do this";

const KIND: &str = "the syncer does not sync this kind";

const PATCHES: &str = "patches with expressions are not done; objects of this kind are synced as they are";

const DNS: &str = "the guest's DNS server is set up as it is";

/// The keys of the sync and of networking.
pub(in crate::reader) const KEYS: &[Row] = &[
    (
        "networking.advanced.fallbackHostCluster",
        Bool,
        Read(Form::Plain, "fallbackHostDns"),
    ),
    (
        "networking.advanced.clusterDomain",
        Text,
        Only("cluster.local", DNS),
    ),
    ("networking.advanced.proxyKubelets.{byHostname,byIP}", Bool, IDLE),
    (
        "networking.replicateServices.toHost",
        Items(&["from", "to"]),
        Read(Form::GuestServices, "networking.replicateServices.toHost"),
    ),
    (
        "networking.replicateServices.fromHost",
        Items(&["from", "to"]),
        Read(Form::HostServices, "networking.replicateServices.fromHost"),
    ),
    (
        "networking.replicateServices.{toHost,fromHost}[].{from,to}",
        Text,
        Inside,
    ),
    ("networking.resolveDNS", Any, Refuse(NOT_DONE)),
    (
        "sync.toHost.{pods,services,endpoints,configMaps,secrets}.enabled",
        Bool,
        Only("true", "it is always synced"),
    ),
    (
        "sync.fromHost.events.enabled",
        Bool,
        Only("true", "it is always synced"),
    ),
    (
        "sync.toHost.{configMaps,secrets}.all",
        Bool,
        Read(Form::Plain, "toHost.{configMaps,secrets}.all"),
    ),
    (
        "sync.toHost.{persistentVolumeClaims,ingresses,networkPolicies,podDisruptionBudgets,priorityClasses,serviceAccounts}.enabled",
        Bool,
        Read(
            Form::Plain,
            "toHost.{persistentVolumeClaims,ingresses,networkPolicies,podDisruptionBudgets,priorityClasses,serviceAccounts}.enabled",
        ),
    ),
    (
        "sync.toHost.{persistentVolumes,storageClasses,volumeSnapshots,volumeSnapshotContents}.enabled",
        Bool,
        Refuse(KIND),
    ),
    (
        "sync.toHost.{pods,services,endpoints,configMaps,secrets,persistentVolumeClaims,ingresses,networkPolicies,podDisruptionBudgets,priorityClasses,serviceAccounts,persistentVolumes,storageClasses,volumeSnapshots,volumeSnapshotContents}.patches",
        Any,
        Refuse(PATCHES),
    ),
    (
        "sync.toHost.pods.{translateImage,enforceTolerations,runtimeClassName,priorityClassName}",
        Any,
        Refuse("pods are synced as they are"),
    ),
    // Tokens are in Secrets, whatever it says.
    ("sync.toHost.pods.useSecretsForSATokens", Bool, IDLE),
    ("sync.toHost.pods.rewriteHosts", Any, IDLE),
    (
        "sync.fromHost.nodes.enabled",
        Bool,
        Read(Form::Plain, "fromHost.nodes.enabled"),
    ),
    (
        "sync.fromHost.nodes.selector.all",
        Bool,
        Read(Form::Plain, "fromHost.nodes.selector.all"),
    ),
    (
        "sync.fromHost.nodes.selector.labels",
        Labels,
        Read(Form::Plain, "fromHost.nodes.selector.labels"),
    ),
    (
        "sync.fromHost.nodes.{syncBackChanges,clearImageStatus}",
        Bool,
        Refuse("nodes are shown as they are"),
    ),
    (
        "sync.fromHost.storageClasses.enabled",
        Switch,
        Read(Form::Auto, "fromHost.storageClasses.enabled"),
    ),
    (
        "sync.fromHost.{ingressClasses,runtimeClasses,priorityClasses,configMaps,secrets}.enabled",
        Bool,
        Read(
            Form::Plain,
            "fromHost.{ingressClasses,runtimeClasses,priorityClasses,configMaps,secrets}.enabled",
        ),
    ),
    (
        "sync.fromHost.{configMaps,secrets}.mappings.byName",
        Labels,
        Read(Form::Mappings, "fromHost.{configMaps,secrets}.mappings.byName"),
    ),
    (
        "sync.fromHost.{csiDrivers,csiNodes,csiStorageCapacities,volumeSnapshotClasses}.enabled",
        Switch,
        Refuse(KIND),
    ),
    (
        "sync.fromHost.{nodes,events,storageClasses,ingressClasses,runtimeClasses,priorityClasses,configMaps,secrets,csiDrivers,csiNodes,csiStorageCapacities,volumeSnapshotClasses}.patches",
        Any,
        Refuse(PATCHES),
    ),
    (
        "rbac.{clusterRole,role}.extraRules",
        Items(&["verbs"]),
        Read(Form::Plain, "sync.generic.{clusterRole,role}.extraRules"),
    ),
    (
        "rbac.{clusterRole,role}.extraRules[].{apiGroups,resources,resourceNames,verbs}",
        Texts,
        Inside,
    ),
    (
        "rbac.{clusterRole,role}.extraRules[].nonResourceURLs",
        Any,
        Refuse("rules are for resources only"),
    ),
    ("rbac.{clusterRole,role}.enabled", Switch, IDLE),
    (
        "rbac.{clusterRole,role}.overwriteRules",
        Any,
        Refuse("the syncer needs the rules that it has"),
    ),
];
