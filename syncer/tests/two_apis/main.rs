//! The syncer between two real API servers with etcd, without a kubelet: its promises about objects.
//!
//! Tests that need another operator than Dapr are ignored by default, as its program takes minutes to build:
//! `cargo test -p syncer --test two_apis -- --ignored`.
//!
//! `SYNCER=/path/to/syncer cargo test -p syncer --test two_apis` tests another syncer than this workspace's.

/// The rig: starts the programs, and sends requests to them.
mod rig;

/// A Component in the guest is on the host, and stays like it.
mod export;

/// The settings of an export besides its kind.
mod rules;

/// Values reach the host as they were written.
mod values;

/// Values files of each dialect make the same virtual cluster.
mod dialects;

/// Changes to mirrors by others are reverted.
mod drift;

/// Foreign objects are not changed.
mod foreign;

/// Namespaces, and objects that are created in them before the host has them.
mod namespaces;

/// A refusal of the host becomes an Event, and is retried.
mod refusal;

/// Changes while the syncer is down are synced when it is back.
mod restart;

/// Annotations and finalizers of an earlier version are renamed, and nothing else changes.
mod former_keys;

/// Checks of the guest's identity, and the election among several syncers.
mod life;

/// Events about a virtual cluster that does not become ready.
mod readiness;

/// An upgrade of the release and the store of its virtual cluster.
mod store_kept;

/// The list of Kubernetes' own kinds that are cluster-scoped.
mod builtin_kinds;

/// Guest namespaces with configured host names.
mod mapped_namespaces;

/// The objects that `helm uninstall` removes.
mod uninstall;

/// Changes while the host's API is down are synced when it is back.
mod absence;

/// Pods, and the objects that they name.
mod pods;

/// The fields that a pod has.
mod pod_fields;

/// Fields of pods about other pods, names and files, translated for the host.
mod translated;

/// The end of pods that the host loses.
mod lost;

/// The conditions of a pod, and their owners.
mod conditions;

/// Resizes of pods, and their observed status.
mod resize;

/// Secrets that only the host has.
mod host_only;

/// Bytes that a tenant may keep on the host.
mod budget;

/// Ephemeral containers.
mod debug;

/// Logs of containers, exec, attach and port-forward.
mod kubelet;

/// Containers of a pod's mirror that are not the tenant's.
mod hidden;

/// The usage of pods and nodes.
mod metrics;

/// The programs of a control plane.
mod control_plane;

/// The service accounts of pods on the host.
mod service_accounts;

/// Services, and their endpoints.
mod services;

/// The guest's DNS server.
mod dns;

/// Attacks by a tenant's administrator, and by an intruder in a control plane.
mod attack;

/// Ingresses, network policies and disruption budgets.
mod core_kinds;

/// A kind of several versions.
mod versions;

/// Labels and annotations that the host adds.
mod host_labels;

/// Projections: objects of the host that the guest shows.
mod from_host;

/// Objects of host namespaces that a values file maps.
mod shown;

/// Fields that are added to copies.
mod read_only;

/// Services of the guest that are replicated to the host.
mod replicated;

/// ConfigMaps and Secrets that nothing names.
mod all_payloads;

/// Imported cluster-scoped kinds.
mod whole_host;

/// Objects that the host shows by configuration: single objects, namespaces, further classes.
mod mappings;

/// PVCs, and placeholders for their volumes.
mod claims;

/// Foreign objects in a tenant's host namespaces are shown in the guest.
mod import;

/// Imports of a custom kind.
mod import_kinds;

/// The host's Events about a tenant's pods.
mod events;

/// Tenants do not touch each other.
mod tenants;

/// High load.
mod load;

/// Foolish and hostile actions of a tenant in its own cluster.
mod hostile;

/// Forbidden actions of the syncer's account on the host.
mod privilege;

/// All permissions of the syncer's account on the host.
mod inventory;

/// Another operator is shared as Dapr is.
mod operator;

/// The list of promises.
mod suite;

/// Nothing is written where nothing changes.
mod rest;
