//! Manifests: YAML templates of this repository, filled in and applied to a cluster.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};

use crate::labels::RUN;

/// The owner of the objects' fields (server-side apply's field manager).
pub const MANAGER: &str = "shared-dapr";

/// Cluster-scoped kinds, of those that our templates use.
const CLUSTER_SCOPED: [&str; 4] = [
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
];

/// Errors of applying a manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template and the values do not fit.
    #[error("fill in the manifest {name}")]
    Template {
        /// The manifest.
        name: String,
        /// The error of the template.
        source: minijinja::Error,
    },
    /// The rendered manifest is not a Kubernetes object.
    #[error("read the manifest {name} as YAML")]
    Yaml {
        /// The manifest.
        name: String,
        /// The error of the YAML parser.
        source: Box<serde_saphyr::Error>,
    },
    /// An object has no kind.
    #[error("find the kind of an object in the manifest {name}")]
    NoKind {
        /// The manifest.
        name: String,
    },
    /// The cluster refused it.
    #[error("apply {kind} {object}")]
    Apply {
        /// The object's kind.
        kind: String,
        /// Its namespace, if it has one, and its name.
        object: String,
        /// The underlying error.
        source: kube::Error,
    },
}

impl Error {
    /// Returns true if the cluster does not know the kind of an object, or not yet.
    #[must_use]
    pub fn is_unknown_kind(&self) -> bool {
        matches!(self, Self::Apply { source: kube::Error::Api(status), .. } if status.code == 404)
    }
}

/// Fills in a template and returns its text.
pub fn fill(name: &str, template: &str, values: minijinja::Value) -> Result<String, Error> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    // A name without an extension: nothing is escaped behind the template's back.
    environment
        .render_named_str("manifest", template, values)
        .map_err(|source| Error::Template {
            name: name.to_owned(),
            source,
        })
}

/// Fills in a template and returns the objects in it.
pub fn objects(name: &str, template: &str, values: minijinja::Value) -> Result<Vec<DynamicObject>, Error> {
    read(name, &fill(name, template, values)?)
}

/// Returns the objects in a manifest that is no template.
fn read(name: &str, text: &str) -> Result<Vec<DynamicObject>, Error> {
    serde_saphyr::from_multiple(text).map_err(|source| Error::Yaml {
        name: name.to_owned(),
        source: Box::new(source),
    })
}

/// Fills in a template and applies the objects in it, one after another, taking over fields that others own.
///
/// Objects without a namespace go to `namespace`. Returns the objects as the cluster has them then.
pub async fn apply(
    client: &Client,
    namespace: &str,
    name: &str,
    template: &str,
    values: minijinja::Value,
) -> Result<Vec<DynamicObject>, Error> {
    apply_all(client, namespace, name, objects(name, template, values)?).await
}

/// Makes a namespace with the run's label.
pub async fn own_namespace(client: &Client, name: &str, run: &str) -> Result<(), kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {RUN: run}},
    });
    namespaces
        .patch(name, &PatchParams::apply(MANAGER), &Patch::Apply(&object))
        .await
        .map(drop)
}

/// Applies the objects in a manifest that is not a template, such as a foreign one, as [`apply`] does, with the run's
/// label.
pub async fn apply_as_is(
    client: &Client,
    namespace: &str,
    name: &str,
    text: &str,
    run: &str,
) -> Result<Vec<DynamicObject>, Error> {
    let mut objects = read(name, text)?;
    for object in &mut objects {
        object.labels_mut().insert(RUN.to_owned(), run.to_owned());
    }
    apply_all(client, namespace, name, objects).await
}

async fn apply_all(
    client: &Client,
    namespace: &str,
    name: &str,
    objects: Vec<DynamicObject>,
) -> Result<Vec<DynamicObject>, Error> {
    let mut applied = Vec::new();
    for object in objects {
        applied.push(apply_object(client, namespace, name, &object).await?);
    }
    Ok(applied)
}

async fn apply_object(
    client: &Client,
    namespace: &str,
    manifest: &str,
    object: &DynamicObject,
) -> Result<DynamicObject, Error> {
    let no_kind = || Error::NoKind {
        name: manifest.to_owned(),
    };
    let types = object.types.as_ref().ok_or_else(no_kind)?;
    let kind = GroupVersionKind::try_from(types).map_err(|_| no_kind())?;
    let resource = ApiResource::from_gvk(&kind);
    let namespace = object.metadata.namespace.as_deref().unwrap_or(namespace);
    let api: Api<DynamicObject> = if CLUSTER_SCOPED.contains(&kind.kind.as_str()) {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    };
    let name = object.name_any();
    api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))
        .await
        .map_err(|source| Error::Apply {
            object: api
                .namespace()
                .map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}")),
            kind: kind.kind,
            source,
        })
}

/// Returns the reason why a Deployment is not complete, or `None` when all replicas of its newest version are
/// available.
#[must_use]
pub fn lacks(deployment: &Deployment) -> Option<String> {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return Some("its newest version was not seen yet".to_owned());
    }
    let (updated, available) = (
        status.updated_replicas.unwrap_or(0),
        status.available_replicas.unwrap_or(0),
    );
    (updated < wanted || available < wanted || status.replicas.unwrap_or(0) > wanted)
        .then(|| format!("{available} of {wanted} replicas available, {updated} updated"))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn a_template_becomes_objects() {
        let template = "kind: Namespace\napiVersion: v1\nmetadata: {name: \"{{ name }}\"}\n---\nkind: Pod\n\
                        apiVersion: v1\nmetadata: {name: a}\n";
        let objects = objects("two", template, context! { name => "b" }).unwrap();
        let names: Vec<_> = objects.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_value_that_is_missing_is_an_error() {
        let error = fill("one", "{{ absent }}", context! {}).unwrap_err();
        assert_eq!(error.to_string(), "fill in the manifest one");
    }

    #[test]
    fn a_deployment_that_was_not_looked_at_yet_is_not_complete() {
        let mut deployment = Deployment::default();
        deployment.metadata.generation = Some(2);
        assert_eq!(lacks(&deployment).unwrap(), "its newest version was not seen yet");
    }
}
