//! An existing cluster: used, never owned.
//!
//! A run adds namespaces with its label, their content, and cluster-scoped objects with its label or of a Helm
//! release in one of those namespaces. It changes nothing else. If an object exists already and is not this run's
//! own, the run fails before it creates anything.

use std::io;
use std::path::{Path, PathBuf};

use kube::Client;
use kube::config::{Kubeconfig, KubeconfigError};
use provision::events::Events;

use super::{ClientError, Cluster, forwarder};
use crate::private;

/// The check that the user may do everything that a run has to.
mod allowed;

/// Removing the objects that a run added, and finding those that are left.
pub mod teardown;

/// The cluster, and the objects to add.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run folder; it exists.
    pub folder: PathBuf,
    /// The kubeconfig; that of the user's kubectl if there is none.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; its current one if there is none.
    pub context: Option<String>,
    /// The run's id.
    pub run: String,
    /// The namespaces to create.
    pub namespaces: Vec<String>,
    /// True if Dapr is to be installed.
    pub installs_dapr: bool,
    /// The registry that the images were pushed to.
    pub registry: Option<String>,
}

/// Errors of an existing cluster. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kubeconfig cannot be read.
    #[error("read the kubeconfig{}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        /// The file; kubectl's own if there is none.
        path: Option<PathBuf>,
        /// The underlying error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such context.
    #[error("find the context `{wanted}`: {}", list(has))]
    NoContext {
        /// The context that was asked for.
        wanted: String,
        /// The contexts in the kubeconfig.
        has: Vec<String>,
    },
    /// The kubeconfig could not be kept.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// No client can be created from it.
    #[error("use the kubeconfig")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The same for the copy that is kept.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster does not answer.
    #[error("ask the cluster for {what}")]
    Ask {
        /// The requested information.
        what: String,
        /// The underlying error.
        source: kube::Error,
    },
    /// It is too old.
    #[error(
        "use a cluster of Kubernetes {version}: the tenants' policies (ValidatingAdmissionPolicy) need 1.30 or newer"
    )]
    TooOld {
        /// The version that the cluster reports.
        version: String,
    },
    /// The user may not do everything that a run has to.
    #[error("use the cluster: this user may not {}", may_not.join(", "))]
    NotAllowed {
        /// The actions that the user may not do.
        may_not: Vec<String>,
    },
    /// An object of others is in the place of the run's own.
    #[error("use the cluster: {what} is there, and is not this environment's")]
    Foreign {
        /// The object.
        what: String,
        /// The remedy.
        remedy: String,
    },
    /// Dapr is to be used, and there is none, or it would not do.
    #[error("use the cluster's own Dapr: {why}")]
    Dapr {
        /// The reason.
        why: String,
        /// The remedy.
        remedy: String,
    },
    /// There is no way into the cluster.
    #[error(transparent)]
    Forwarder(#[from] forwarder::Error),
    /// The added objects do not go away.
    #[error("remove what was added to the cluster: {0}")]
    Stays(String),
}

impl Error {
    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Foreign { remedy, .. } | Self::Dapr { remedy, .. } => Some(remedy.clone()),
            Self::NotAllowed { .. } => Some(
                "use a context whose user administers the cluster (kubectl auth can-i '*' '*' --all-namespaces)".to_owned(),
            ),
            Self::NoContext { has, .. } if !has.is_empty() => Some("name one of them in --context".to_owned()),
            Self::Kubeconfig { .. } | Self::NoContext { .. } => {
                Some("name the kubeconfig of the cluster in --kubeconfig".to_owned())
            }
            _ => None,
        }
    }

    /// Returns an error with the file and the system's error once each. The library repeats them in every text of a
    /// chain.
    fn unreadable(path: Option<&Path>, source: KubeconfigError) -> Self {
        match source {
            KubeconfigError::ReadConfig(source, path) => Self::Kubeconfig {
                path: Some(path),
                source: source.into(),
            },
            source => Self::Kubeconfig {
                path: path.map(Path::to_owned),
                source: source.into(),
            },
        }
    }

    pub(crate) fn ask(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Ask { what, source }
    }
}

/// Lists the contexts of a kubeconfig, for an error about one that it does not have.
fn list(contexts: &[String]) -> String {
    let quoted: Vec<String> = contexts.iter().map(|context| format!("`{context}`")).collect();
    match &*quoted {
        [] => "the kubeconfig has no contexts".to_owned(),
        [one] => format!("the kubeconfig's only context is {one}"),
        several => format!("the kubeconfig's contexts are {}", several.join(", ")),
    }
}

/// Checks that the cluster is new enough, and that its user may do everything that a run has to. Returns the part of the
/// user's kubeconfig that describes it, and a client of it. Creates nothing, neither there nor here.
pub async fn check(request: &Request) -> Result<(Kubeconfig, Client), Error> {
    let kubeconfig = choose(request.kubeconfig.as_deref(), request.context.as_deref())?;
    let client = super::client_of(kubeconfig.clone())
        .await
        .map_err(Error::Unusable)?;
    let version = client
        .apiserver_version()
        .await
        .map_err(Error::ask("its version"))?;
    if minor(&version.minor).is_some_and(|minor| version.major == "1" && minor < 30) {
        return Err(Error::TooOld {
            version: version.git_version,
        });
    }
    allowed::check(&client).await?;
    Ok((kubeconfig, client))
}

/// Returns the path of the kubeconfig of a run with this folder.
#[must_use]
pub fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("kubeconfig/admin")
}

/// Attaches to the cluster that [`check`] found usable.
pub async fn up(request: &Request, found: &Kubeconfig, events: &Events) -> Result<Cluster, Error> {
    let kubeconfig = kubeconfig(&request.folder);
    keep(found, &kubeconfig)?;
    let client = super::client(&kubeconfig).await?;
    events.progress("substrate", "starting a forwarder to the cluster");
    let service_cidr = super::addresses::services(&client)
        .await
        .map_err(Error::ask("the range of its Services"))?;
    Ok(Cluster {
        client,
        registry: request.registry.clone(),
        reach: forwarder::up(&request.folder.join(forwarder::FOLDER), &kubeconfig).await?,
        service_cidr,
        kubeconfig,
    })
}

/// Reads a kubeconfig, kubectl's own unless one is given. Returns its part for the chosen context, or for its current
/// one if none is given. It asks no cluster.
pub fn choose(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Kubeconfig, Error> {
    let all = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    only(
        &all.map_err(|source| Error::unreadable(kubeconfig, source))?,
        context,
    )
}

fn only(all: &Kubeconfig, wanted: Option<&str>) -> Result<Kubeconfig, Error> {
    let wanted = wanted
        .map(str::to_owned)
        .or_else(|| all.current_context.clone())
        .unwrap_or_default();
    let has = || all.contexts.iter().map(|context| context.name.clone()).collect();
    let context = all.contexts.iter().find(|context| context.name == wanted);
    let Some(context) = context.filter(|context| context.context.is_some()) else {
        return Err(Error::NoContext { wanted, has: has() });
    };
    let of = context.context.clone().unwrap_or_default();
    Ok(Kubeconfig {
        clusters: all
            .clusters
            .iter()
            .filter(|it| it.name == of.cluster)
            .cloned()
            .collect(),
        auth_infos: all
            .auth_infos
            .iter()
            .filter(|it| Some(&it.name) == of.user.as_ref())
            .cloned()
            .collect(),
        contexts: vec![context.clone()],
        current_context: Some(wanted),
        ..all.clone()
    })
}

fn keep(kubeconfig: &Kubeconfig, path: &Path) -> Result<(), Error> {
    let write = || private::write(path, &serde_json::to_string_pretty(kubeconfig)?);
    write().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Returns the minor version. Some distributions write it as `30+`.
fn minor(text: &str) -> Option<u32> {
    text.trim_end_matches(|letter: char| !letter.is_ascii_digit())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_contexts() -> Kubeconfig {
        serde_json::from_value(serde_json::json!({
            "current-context": "blue",
            "clusters": [
                {"name": "one", "cluster": {"server": "https://one"}},
                {"name": "two", "cluster": {"server": "https://two"}},
            ],
            "users": [{"name": "ann", "user": {"token": "a"}}, {"name": "bob", "user": {"token": "b"}}],
            "contexts": [
                {"name": "blue", "context": {"cluster": "one", "user": "ann"}},
                {"name": "green", "context": {"cluster": "two", "user": "bob"}},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn only_the_chosen_context_is_kept_with_its_cluster_and_user() {
        let kept = only(&two_contexts(), Some("green")).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        assert!(text.contains("https://two") && text.contains("\"bob\""), "{text}");
        assert!(!text.contains("https://one") && !text.contains("ann"), "{text}");
        assert_eq!(
            only(&two_contexts(), None).unwrap().current_context.as_deref(),
            Some("blue")
        );
    }

    #[test]
    fn a_context_that_is_not_there_is_named_with_those_that_are() {
        let error = only(&two_contexts(), Some("red")).unwrap_err();
        insta::assert_snapshot!(error, @"find the context `red`: the kubeconfig's contexts are `blue`, `green`");
    }

    #[test]
    fn a_version_of_a_distribution_is_read() {
        assert_eq!((minor("30"), minor("29+"), minor("")), (Some(30), Some(29), None));
    }
}
