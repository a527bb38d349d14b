//! Brings up many tenants that share one Dapr, checks them end to end, reports, and removes them again.
//!
//! This is the library: `harness-cli` has the command line, `provision` the binaries and images, and `sandbox` the
//! processes in namespaces of their own.
//!
//! The flow, in which each stage takes the handle of the previous one:
//!
//! ```text
//! plan -> preflight -> binaries -> images -> substrate -> platform -> tenants -> workloads -> scenarios -> report
//!         \____________ ledger: written before each thing is made, read by `down` in reverse ____________/
//! ```

/// The plan of a run, as plain data.
pub mod plan;

/// The requirements that this machine lacks, each with its remedy.
pub mod preflight;

/// Kubernetes' own conformance tests, run against a tenant's cluster and against the host cluster.
pub mod conformance;

/// Files with something secret in them.
mod private;

/// The providers of the host cluster.
pub mod substrate;

/// Dapr and Redis on the host cluster.
pub mod platform;

/// The parts of a tenant of real vcluster.
pub mod vcluster;

/// The virtual clusters.
pub mod tenants;

/// The write and the read app in every tenant.
pub mod workloads;

/// Running the scenarios against an environment.
pub mod scenarios;

/// The one place that knows the order of the stages of an environment.
pub mod environment;

/// The one place that knows the order of a whole run, from the request to the report.
pub mod run;

/// Events rendered for people and for programs.
pub mod report;

/// Measuring an environment.
pub mod bench;

/// Two kinds of virtual cluster side by side.
pub mod compare;

/// The evidence of a failed scenario, for its investigation.
pub mod evidence;

/// The ledger of a run: everything that it created, recorded before it was created.
pub mod ledger;

/// The labels by which a run's objects on the host are found.
pub mod labels;

/// An error in words, for people.
pub mod explain;

/// The words of an API server's answer.
mod answer;

/// YAML templates, filled in and applied to a cluster.
pub mod manifests;

/// The codes that a command exits with.
pub mod exit;
