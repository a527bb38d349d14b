//! The request to a kubelet, from its path.
//!
//! The paths are those of the kubelet's server (`pkg/kubelet/server/server.go`, Kubernetes 1.33 to 1.36) that an API server uses:
//! `/containerLogs/NS/POD/CONTAINER`; `/exec` and `/attach` with `/NS/POD[/UID]/CONTAINER`; and `/portForward/NS/POD[/UID]`.
//! There are no others.

use hyper::{Method, Uri};
use vcluster_values::naming::{is_label, is_word};

use super::parameters;
use super::status_error::StatusError;

/// A request to a kubelet. All of its strings are safe in a path or query of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KubeletRequest {
    /// The operation.
    pub(super) verb: Verb,
    /// The guest's namespace.
    pub(super) namespace: String,
    /// The guest's pod.
    pub(super) pod: String,
    /// The UID that the pod has to have.
    pub(super) uid: Option<String>,
    /// The container; `None` for an operation on a whole pod.
    pub(super) container: Option<String>,
    /// The query for the host, without the container.
    pub(super) query: String,
}

/// An operation on a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Read a container's log.
    Log,
    /// Run a command in a container.
    Exec,
    /// Attach to what a container runs.
    Attach,
    /// Connect to ports of a pod.
    PortForward,
}

impl Verb {
    /// Reads the kubelet's name of an operation.
    fn of(word: &str) -> Option<Self> {
        match word {
            "containerLogs" => Some(Self::Log),
            "exec" => Some(Self::Exec),
            "attach" => Some(Self::Attach),
            "portForward" => Some(Self::PortForward),
            _ => None,
        }
    }

    /// Returns the subresource of pods for the operation.
    fn subresource(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
        }
    }

    fn takes(self, method: &Method) -> bool {
        method == Method::GET || (method == Method::POST && self != Self::Log)
    }
}

impl KubeletRequest {
    /// Reads a request's first line; paths that a kubelet does not serve are refused.
    pub(super) fn read(method: &Method, uri: &Uri) -> Result<Self, StatusError> {
        let unknown = || StatusError::not_found(format!("this kubelet has no {}", uri.path()));
        let path = uri.path().strip_prefix('/').ok_or_else(unknown)?;
        let (verb, rest) = path.split_once('/').ok_or_else(unknown)?;
        let verb = Verb::of(verb).ok_or_else(unknown)?;
        if !verb.takes(method) {
            return Err(StatusError::method(method));
        }
        let parts: Vec<&str> = rest.split('/').collect();
        let (namespace, pod, uid, container) = match (verb, &parts[..]) {
            (Verb::PortForward, [namespace, pod]) => (namespace, pod, None, None),
            (Verb::PortForward, [namespace, pod, uid]) => (namespace, pod, Some(uid), None),
            (Verb::Log | Verb::Exec | Verb::Attach, [namespace, pod, container]) => {
                (namespace, pod, None, Some(container))
            }
            (Verb::Exec | Verb::Attach, [namespace, pod, uid, container]) => {
                (namespace, pod, Some(uid), Some(container))
            }
            _ => return Err(unknown()),
        };
        Ok(Self {
            verb,
            namespace: named("namespace", namespace, is_label)?,
            pod: named("pod", pod, is_name)?,
            uid: uid.map(|uid| named("UID", uid, is_label)).transpose()?,
            container: container
                .map(|container| named("container", container, is_label))
                .transpose()?,
            query: parameters::for_host(verb, uri.query().unwrap_or_default()).map_err(StatusError::bad)?,
        })
    }

    /// Returns path and query of the same request for a host pod.
    pub(super) fn at(&self, namespace: &str, pod: &str) -> String {
        let subresource = self.verb.subresource();
        let container = self.container.as_ref().map(|name| format!("container={name}"));
        let query = [Some(self.query.clone()), container]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty());
        let query = query.collect::<Vec<_>>().join("&");
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/{subresource}");
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    }
}

/// Returns a name if it is valid for its kind; otherwise a refusal.
pub(super) fn named(what: &str, text: &str, fits: fn(&str) -> bool) -> Result<String, StatusError> {
    let refusal = || StatusError::bad(format!("{text:?} is no name of a {what}"));
    fits(text).then(|| text.to_owned()).ok_or_else(refusal)
}

/// Returns true if a text is a DNS subdomain in Kubernetes' sense (RFC 1123): words with dots in between. A word is no longer
/// than the whole, and so may be longer than a label.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_word)
}

#[cfg(test)]
mod tests;
