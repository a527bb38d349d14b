//! Removing the objects that a run added to a cluster, and finding those that are left.
//!
//! The run's own objects are identified by three marks: its label, on namespaces and on Dapr's kinds; the annotation
//! that Helm leaves on a release's objects; and vcluster's labels, on the namespaces that mirror a tenant's. It needs
//! no Helm and nothing that only a successful run would know.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::{Client, ResourceExt};
use provision::wait::{self, Budget, Seen};

use super::Error;
use crate::labels::{OF_NAMESPACE, RUN};

/// Helm's annotation: the namespace of the release that created an object.
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// Kinds outside of the run's namespaces that a run's charts make.
const KINDS: [(&str, &str, &str); 8] = [
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
    ),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    ("rbac.authorization.k8s.io", "v1", "Role"),
];

/// Dapr's kinds, which a run has labelled.
const DEFINITIONS: (&str, &str, &str) = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition");

/// Namespaces with pods whose processes take their time to end.
const GONE: Budget = Budget {
    at_most: Duration::from_mins(5),
    every: Duration::from_millis(250),
};

/// Removes the objects that the run added, first the tenants and then the platform below them.
pub async fn end(kubeconfig: &Path, run: &str) -> Result<(), Error> {
    let client = super::super::client(kubeconfig).await?;
    let own = Own::find(&client, run).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in &own.namespaces {
        match namespaces.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.map_err(Error::ask(format!("the removal of namespace {name}")))?),
        }
    }
    for object in &own.others {
        let api: Api<DynamicObject> = object.api(&client);
        match api.delete(&object.name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.map_err(Error::ask(format!("the removal of {object}")))?),
        }
    }
    wait::until("what the run added to go", GONE, async || {
        let left = Own::find(&client, run).await?.list();
        Ok::<_, Error>(if left.is_empty() {
            Seen::Ready(())
        } else {
            Seen::not_yet(left.join(", "))
        })
    })
    .await
    .map_err(|error| match error {
        wait::Error::Failed { source, .. } => source,
        timed_out @ wait::Error::TimedOut { .. } => Error::Stays(timed_out.to_string()),
    })
}

/// Returns the remains of a run that should be gone, one object per line.
pub async fn left_behind(kubeconfig: &Path, run: &str) -> Result<Vec<String>, Error> {
    let client = super::super::client(kubeconfig).await?;
    Ok(Own::find(&client, run).await?.list())
}

/// The objects that a run added.
struct Own {
    namespaces: BTreeSet<String>,
    others: Vec<Object>,
}

struct Object {
    resource: ApiResource,
    namespace: Option<String>,
    name: String,
}

impl Object {
    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.resource.kind, self.name)
    }
}

impl Own {
    async fn find(client: &Client, run: &str) -> Result<Self, Error> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let all = namespaces
            .list_metadata(&ListParams::default())
            .await
            .map_err(Error::ask("all namespaces"))?;
        let labelled: BTreeSet<String> = all
            .items
            .iter()
            .filter(|it| it.labels().get(RUN).is_some_and(|label| label == run))
            .map(ResourceExt::name_any)
            .collect();
        let mirrors = all
            .items
            .iter()
            .filter(|it| {
                it.labels()
                    .get(OF_NAMESPACE)
                    .is_some_and(|of| labelled.contains(of))
            })
            .map(ResourceExt::name_any);
        let of_run = ListParams::default().labels(&format!("{RUN}={run}"));
        let mut others = objects(client, DEFINITIONS, &of_run, |_| true).await?;
        for kind in KINDS {
            let of_release = |object: &DynamicObject| {
                object
                    .annotations()
                    .get(RELEASE_NAMESPACE)
                    .is_some_and(|namespace| labelled.contains(namespace))
            };
            others.extend(objects(client, kind, &ListParams::default(), of_release).await?);
            others.extend(objects(client, kind, &of_run, |_| true).await?);
        }
        Ok(Self {
            namespaces: labelled.iter().cloned().chain(mirrors).collect(),
            others,
        })
    }

    fn list(&self) -> Vec<String> {
        let namespaces = self.namespaces.iter().map(|name| format!("namespace {name}"));
        namespaces
            .chain(self.others.iter().map(ToString::to_string))
            .collect()
    }
}

async fn objects(
    client: &Client,
    (group, version, kind): (&str, &str, &str),
    which: &ListParams,
    is_own: impl Fn(&DynamicObject) -> bool,
) -> Result<Vec<Object>, Error> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let listed = api
        .list(which)
        .await
        .map_err(Error::ask(format!("all of kind {kind}")))?;
    Ok(listed
        .items
        .iter()
        .filter(|object| is_own(object))
        .map(|object| Object {
            resource: resource.clone(),
            namespace: object.namespace(),
            name: object.name_any(),
        })
        .collect())
}
