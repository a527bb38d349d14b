//! The syncer between two real API servers with etcd, without a kubelet: what it promises of objects.
//!
//! What needs another operator than Dapr is ignored unless asked for, as its program takes minutes to build:
//! `cargo test -p syncer --test two_apis -- --ignored`.
//!
//! `SYNCER=/path/to/syncer cargo test -p syncer --test two_apis` tests another syncer than this
//! workspace's.

/// Starting the programs, and asking them.
mod rig;

/// A Component in the guest is on the host, and stays like it.
mod export;

/// What the rules of an export say besides its kind.
mod rules;

/// Values reach the host as they were written.
mod values;

/// Values files of each dialect make the same virtual cluster.
mod dialects;

/// What somebody else does to the host's copy is undone.
mod drift;

/// What is not the syncer's is left alone.
mod foreign;

/// Namespaces, and what is made in them before the host knows them.
mod namespaces;

/// A refusal of the host becomes an Event, and is retried.
mod refusal;

/// What happens while the syncer is down is made up for.
mod restart;

/// Which guest, and which of several syncers.
mod life;

/// Events about a virtual cluster that does not become ready.
mod readiness;

/// An upgrade of the release and the store of its virtual cluster.
mod store_kept;

/// The list of Kubernetes' own kinds that are cluster-scoped.
mod builtin_kinds;

/// Guest namespaces that are called by choice.
mod mapped_namespaces;

/// What `helm uninstall` removes.
mod uninstall;

/// What happens while the host's API is away is made up for when it is back.
mod absence;

/// Pods, and what they name.
mod pods;

/// The fields that a pod has.
mod pod_fields;

/// Fields of pods about other pods, names and files, as the host has them.
mod translated;

/// How pods end that the host loses.
mod lost;

/// The conditions of a pod, and whose they are.
mod conditions;

/// Changes of what a pod may use, and what was observed of them.
mod resize;

/// Secrets that only the host has.
mod host_only;

/// Bytes that a tenant may keep on the host.
mod budget;

/// Containers that a running pod is given.
mod debug;

/// Logs of containers, and the ways into them.
mod kubelet;

/// Containers of a pod's mirror that are not the tenant's.
mod hidden;

/// What pods and nodes use.
mod metrics;

/// The programs of a control plane.
mod control_plane;

/// As whom pods are on the host.
mod service_accounts;

/// Services, and where they lead.
mod services;

/// The guest's DNS server.
mod dns;

/// Attempts of a tenant's administrator, and of whoever took over a control plane.
mod attack;

/// Ingresses, network policies and disruption budgets.
mod core_kinds;

/// A kind of several versions.
mod versions;

/// Labels and annotations that the host gives.
mod host_labels;

/// What the host shows.
mod from_host;

/// What a values file maps from host namespaces.
mod shown;

/// Fields that are added to copies.
mod read_only;

/// Services of the guest that the host has too.
mod replicated;

/// Config maps and Secrets that nothing names.
mod all_payloads;

/// Imported cluster-scoped kinds.
mod whole_host;

/// What the host shows by configuration: single objects, namespaces, further classes.
mod mappings;

/// PVCs, and placeholders for their volumes.
mod claims;

/// What something on the host made in a tenant's namespaces is shown.
mod import;

/// The same of a custom kind.
mod import_kinds;

/// The host's Events about a tenant's pods.
mod events;

/// Tenants do not touch each other.
mod tenants;

/// Much at a time.
mod load;

/// What a tenant may do to its own cluster.
mod hostile;

/// What the syncer's account may not do on the host.
mod privilege;

/// All that it may do there.
mod inventory;

/// Another operator is shared as Dapr is.
mod operator;

/// The list of what must hold.
mod suite;

/// Nothing is written where nothing changes.
mod rest;
