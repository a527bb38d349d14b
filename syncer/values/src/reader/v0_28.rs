//! The dialect of vcluster 0.28 and later, besides the keys that 0.20 to 0.25 have too: the keys that concern the syncer.

use super::forms::Form;
use super::table::Fate::{Inside, Only, Read, Refuse, Required};
use super::table::Shape::{Any, Bool, Labels, Named, Object, OneOf, Text};
use super::table::{IDLE, Row};

const NOT_DONE: &str = "the syncer does not do this";

const PATCHES: &str = "patches with expressions are not done; objects of this kind are synced as they are";

/// The keys.
pub(super) const KEYS: &[Row] = &[
    ("sync.toHost.namespaces.enabled", Bool, Required),
    (
        "sync.toHost.namespaces.mappings.byName",
        Labels,
        Read(Form::Namespaces, "namespaces.mappings.byName"),
    ),
    (
        "sync.toHost.namespaces.mappingsOnly",
        Bool,
        Refuse("every namespace of the virtual cluster has one on the host"),
    ),
    (
        "sync.toHost.namespaces.extraLabels",
        Labels,
        Read(Form::Plain, "namespaces.labels"),
    ),
    ("sync.toHost.namespaces.patches", Any, Refuse(PATCHES)),
    (
        "sync.toHost.customResources",
        Named(&["enabled"]),
        Read(Form::ExportedResources, "sync.generic.kinds.export"),
    ),
    (
        "sync.fromHost.customResources",
        Named(&["enabled", "scope"]),
        Read(Form::ImportedResources, "sync.generic.kinds.import"),
    ),
    ("sync.{toHost,fromHost}.customResources.*.enabled", Bool, Inside),
    (
        "sync.toHost.customResources.*.scope",
        OneOf(&["Namespaced", "Cluster"]),
        Only(
            "Namespaced",
            "what several tenants make of a kind without a namespace would meet on the host",
        ),
    ),
    (
        "sync.fromHost.customResources.*.scope",
        OneOf(&["Namespaced", "Cluster"]),
        Inside,
    ),
    (
        "sync.{toHost,fromHost}.customResources.*.patches",
        Any,
        Refuse(PATCHES),
    ),
    ("sync.fromHost.customResources.*.mappings.byName", Labels, Inside),
    (
        "sync.fromHost.{storageClasses,ingressClasses,runtimeClasses,priorityClasses}.selector",
        Object,
        Read(
            Form::Plain,
            "fromHost.{storageClasses,ingressClasses,runtimeClasses,priorityClasses}.selector",
        ),
    ),
    (
        "sync.toHost.pods.hybridScheduling.enabled",
        Bool,
        Refuse(NOT_DONE),
    ),
    ("sync.toHost.pods.hybridScheduling.hostSchedulers", Any, IDLE),
    (
        "{privateNodes,deploy,snapshots,controlPlane.standalone,networking.podCIDR,integrations.netris}",
        Any,
        Refuse(NOT_DONE),
    ),
    (
        "controlPlane.endpoint",
        Text,
        Refuse("the API is reached by the Service NAME"),
    ),
    ("logging", Any, IDLE),
];
