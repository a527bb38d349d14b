//! What a virtual cluster is asked to be: the values file, in the dialect of vcluster 0.15.
//!
//! Takes the text of a values file, gives [`Values`] or every place in it that cannot be done. A key that
//! vcluster 0.15 knows and we do not do is refused only where it asks for something: files that repeat
//! vcluster's defaults are common.

mod asked;

mod core;

mod dialect;

mod generic;

mod tree;

use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;

pub use asked::{Asked, asked};
pub use core::{Core, HostNodes, Off, On};
pub use generic::{Export, Generic, Import, Selector};
use tree::Tree;

/// A virtual cluster's settings, as far as the syncer acts on them; the rest is for the chart.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Values {
    /// Names that the guest does not know are asked for at the host's DNS.
    pub fallback_host_dns: bool,
    /// What is kept in step, and how.
    pub sync: Sync,
    /// The guest's DNS server.
    pub coredns: CoreDns,
    /// What every image name of the control plane is prefixed with.
    pub default_image_registry: Option<String>,
}

/// What is kept in step between guest and host.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sync {
    /// The kinds that the syncer knows nothing of but their names.
    pub generic: GenericSync,
    /// Kubernetes' own kinds that have a switch.
    #[serde(flatten)]
    pub core: Core,
}

/// The generic syncer's settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GenericSync {
    /// What it may do on the host; the chart narrows all of it to the tenant's own namespaces, and leaves
    /// reading custom resource definitions as the only rule for the whole host.
    pub cluster_role: Role,
    /// What it may do in the tenant's own namespaces.
    pub role: Role,
    /// Which kinds go up and down. In the file it is YAML within a string.
    #[serde(rename = "config", deserialize_with = "generic::deserialize")]
    pub kinds: Generic,
}

/// Rules that a role gets in addition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// The rules, in Kubernetes' own form.
    pub extra_rules: Vec<PolicyRule>,
}

/// The guest's DNS server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CoreDns {
    /// Whether there is one.
    pub enabled: bool,
    /// Its image.
    pub image: String,
    /// How many of it run.
    pub replicas: i32,
    /// What it asks of a node, in Kubernetes' own form.
    pub resources: serde_json::Value,
}

impl Default for CoreDns {
    fn default() -> Self {
        Self {
            enabled: true,
            image: "registry.k8s.io/coredns/coredns:v1.11.3".to_owned(),
            replicas: 1,
            resources: serde_json::json!({"requests": {"cpu": "3m", "memory": "16Mi"}}),
        }
    }
}

/// Why a values file cannot be used: every place that is wrong, in the order of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What the text was read from, as the user named it.
    pub origin: String,
    /// What is wrong with it; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "use the values in {}", self.origin)?;
        for problem in &self.problems {
            write!(f, "\n  {}:{problem}", self.origin)?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 if what is wrong is that something is missing.
    pub line: u64,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong at a place of a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// No such key in the dialect.
    Unknown {
        /// The key with its path, such as `sync.generic.confg`.
        key: String,
        /// The known one that is spelled most like it.
        nearest: String,
    },
    /// The dialect has the key, but what it asks for is not done here.
    NotDone {
        /// The key with its path.
        key: String,
        /// What is not done, as a sentence about the syncer.
        why: String,
    },
    /// The text is no YAML, or a value has the wrong type.
    Malformed(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        match &self.what {
            What::Unknown { key, nearest } => {
                write!(f, " unknown key `{key}`; the nearest known is `{nearest}`")
            }
            What::NotDone { key, why } => write!(f, " `{key}`: {why}"),
            What::Malformed(message) => write!(f, " {message}"),
        }
    }
}

/// Reads a values file; `origin` is what messages call it.
///
/// # Errors
///
/// Everything in it that is no YAML, no key of the dialect, of the wrong type, or asks for what is not done.
pub fn parse(text: &str, origin: &str) -> Result<Values, Error> {
    let failed = |problems| Error {
        origin: origin.to_owned(),
        problems,
    };
    let tree = Tree::parse(text).map_err(|problem| failed(vec![problem]))?;
    let mut problems = dialect::VALUES.check(&tree);
    problems.extend(dialect::missing(&tree));
    if let Some((config, at)) = tree.text_at(&["sync", "generic", "config"]) {
        problems.extend(
            generic::check(config)
                .into_iter()
                .map(|problem| at.shift(problem)),
        );
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(failed(problems));
    }
    serde_saphyr::from_str::<Option<Values>>(text)
        .map(Option::unwrap_or_default)
        .map_err(|error| failed(vec![tree::problem(&error)]))
}

#[cfg(test)]
mod tests;
