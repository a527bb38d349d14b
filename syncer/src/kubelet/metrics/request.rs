//! The request to the metrics API, from path and query.

use hyper::{Method, Uri};
use kube::api::ListParams;
use vcluster_values::naming::is_label;

use crate::guest::metrics::VERSION;
use crate::kubelet::request::{is_name, named};
use crate::kubelet::status_error::StatusError;

/// A request to the metrics API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KubeletRequest {
    /// The subject of the request.
    pub(super) what: What,
    labels: Option<String>,
    fields: Option<String>,
}

/// The subject of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The API's versions.
    Group,
    /// The version's kinds.
    Version,
    /// The usage of pods.
    Pods {
        /// The guest's namespace; `None` stands for all.
        namespace: Option<String>,
        /// The pod; `None` stands for all.
        name: Option<String>,
    },
    /// The usage of nodes.
    Nodes {
        /// The node; `None` stands for all.
        name: Option<String>,
    },
}

impl KubeletRequest {
    /// Reads a request's first line; paths that this API does not serve are refused.
    pub(super) fn read(method: &Method, uri: &Uri) -> Result<Self, StatusError> {
        let unknown = || StatusError::not_found(format!("the API has no {}", uri.path()));
        if method != Method::GET {
            return Err(StatusError::method(method));
        }
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let what = match parts.get(2..).unwrap_or_default() {
            [] => What::Group,
            [VERSION] => What::Version,
            [VERSION, "pods"] => What::Pods {
                namespace: None,
                name: None,
            },
            [VERSION, "namespaces", namespace, "pods"] => What::Pods {
                namespace: Some(named("namespace", namespace, is_label)?),
                name: None,
            },
            [VERSION, "namespaces", namespace, "pods", name] => What::Pods {
                namespace: Some(named("namespace", namespace, is_label)?),
                name: Some(named("pod", name, is_name)?),
            },
            [VERSION, "nodes"] => What::Nodes { name: None },
            [VERSION, "nodes", name] => What::Nodes {
                name: Some(named("node", name, is_name)?),
            },
            _ => return Err(unknown()),
        };
        let mut asked = Self {
            what,
            labels: None,
            fields: None,
        };
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                "labelSelector" => asked.labels = Some(value.into_owned()),
                "fieldSelector" => asked.fields = Some(value.into_owned()),
                "watch" if value != "false" && value != "0" => {
                    return Err(StatusError::method_not_allowed("metrics cannot be watched"));
                }
                // All there is is answered at once, whatever the page asked for.
                _ => {}
            }
        }
        Ok(asked)
    }

    /// Returns the parameters to list objects in the guest; with a name, only the object of that name.
    pub(super) fn selected(&self, name: Option<&str>) -> ListParams {
        let named = name.map(|name| format!("metadata.name={name}"));
        ListParams {
            label_selector: self.labels.clone().filter(|labels| !labels.is_empty()),
            field_selector: named.or_else(|| self.fields.clone().filter(|fields| !fields.is_empty())),
            ..ListParams::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pods(namespace: Option<&str>, name: Option<&str>) -> What {
        What::Pods {
            namespace: namespace.map(ToOwned::to_owned),
            name: name.map(ToOwned::to_owned),
        }
    }

    #[rstest]
    #[case::the_group("", What::Group)]
    #[case::its_version("/v1beta1", What::Version)]
    #[case::all_pods("/v1beta1/pods", pods(None, None))]
    #[case::pods_of_a_namespace("/v1beta1/namespaces/team/pods", pods(Some("team"), None))]
    #[case::a_pod("/v1beta1/namespaces/team/pods/app", pods(Some("team"), Some("app")))]
    #[case::all_nodes("/v1beta1/nodes", What::Nodes { name: None })]
    fn a_path_says_of_what(#[case] path: &str, #[case] what: What) {
        let uri = format!("/apis/metrics.k8s.io{path}").parse().unwrap();
        assert_eq!(KubeletRequest::read(&Method::GET, &uri).unwrap().what, what);
    }

    #[rstest]
    #[case::another_version("/v1/pods", Method::GET, 404)]
    #[case::something_else("/v1beta1/namespaces/team/secrets", Method::GET, 404)]
    #[case::no_name("/v1beta1/namespaces/../pods", Method::GET, 400)]
    #[case::a_change("/v1beta1/pods", Method::DELETE, 405)]
    #[case::a_watch("/v1beta1/pods?watch=1", Method::GET, 405)]
    fn what_is_not_there_is_refused(#[case] path: &str, #[case] method: Method, #[case] code: u16) {
        let uri = format!("/apis/metrics.k8s.io{path}").parse().unwrap();
        assert_eq!(KubeletRequest::read(&method, &uri).unwrap_err().code(), code);
    }

    #[test]
    fn selectors_are_the_guests_to_answer() {
        let uri = "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Da%2Ctier%21%3Db&limit=500";
        let asked = KubeletRequest::read(&Method::GET, &uri.parse().unwrap()).unwrap();
        let selected = asked.selected(None);
        assert_eq!(selected.label_selector.as_deref(), Some("app=a,tier!=b"));
        assert_eq!(selected.field_selector, None);
        let one = asked.selected(Some("app")).field_selector;
        assert_eq!(one.as_deref(), Some("metadata.name=app"));
    }
}
