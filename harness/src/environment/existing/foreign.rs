//! Existing objects of others that conflict with a run.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::labels::RUN;
use crate::plan::names::NAMESPACE_PREFIX;
use crate::platform::dapr;
use crate::substrate::existing::{Error, Request};

/// A kind that every Dapr has.
const COMPONENTS: &str = "components.dapr.io";

/// The label of Dapr's injector, whatever the release is called.
const INJECTOR: &str = "app=dapr-sidecar-injector";

/// The injector's setting: whose pods get a sidecar.
const ALLOWED: &str = "ALLOWED_SERVICE_ACCOUNTS_PREFIX_NAMES";

/// Fails if an object of others is in the place of the run's own, or if their Dapr does not meet the requirements.
pub(super) async fn check(request: &Request, client: &Client) -> Result<(), Error> {
    if request.installs_dapr {
        no_dapr_of_others(request, client).await?;
    } else {
        dapr_that_will_do(client).await?;
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in &request.namespaces {
        let found = namespaces
            .get_metadata_opt(name)
            .await
            .map_err(Error::ask(format!("the namespace {name}")))?;
        if found.is_some_and(|found| !is_own(&found, &request.run)) {
            return Err(Error::Foreign {
                what: format!("namespace {name}"),
                remedy: remedy_for(name).to_owned(),
            });
        }
    }
    Ok(())
}

/// Returns the remedy for a namespace of this name.
fn remedy_for(namespace: &str) -> &'static str {
    if namespace.starts_with(NAMESPACE_PREFIX) {
        "give the tenants other names (--tenants blue,green), or remove the namespace if nobody needs it"
    } else {
        "one environment at a time is on a cluster: remove the other (cargo harness status), or the namespace if nobody needs it"
    }
}

async fn no_dapr_of_others(request: &Request, client: &Client) -> Result<(), Error> {
    let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = kinds
        .get_metadata_opt(COMPONENTS)
        .await
        .map_err(Error::ask(format!("the kind {COMPONENTS}")))?;
    let Some(found) = found.filter(|found| !is_own(found, &request.run)) else {
        return Ok(());
    };
    let what = match injector(client).await? {
        Some(injector) => format!(
            "Dapr {} in {}",
            version(&injector),
            injector.namespace().unwrap_or_default()
        ),
        None => format!(
            "the kind {}, of a Dapr that was not removed whole,",
            found.name_any()
        ),
    };
    Err(Error::Foreign {
        what,
        remedy: "use it with --dapr existing, or remove it if nobody needs it".to_owned(),
    })
}

async fn dapr_that_will_do(client: &Client) -> Result<(), Error> {
    let Some(injector) = injector(client).await? else {
        return Err(Error::Dapr {
            why: "there is none".to_owned(),
            remedy: "leave --dapr existing out, and it is installed".to_owned(),
        });
    };
    let pod = injector.spec.template.spec.as_ref();
    let allowed = pod
        .into_iter()
        .flat_map(|pod| &pod.containers)
        .flat_map(|container| container.env.iter().flatten())
        .find(|variable| variable.name == ALLOWED)
        .and_then(|variable| variable.value.clone())
        .unwrap_or_default();
    if allowed.split(',').any(|pattern| pattern.trim() == dapr::TENANTS) {
        return Ok(());
    }
    let found = version(&injector);
    Err(Error::Dapr {
        why: format!(
            "its injector ({found}) gives no sidecar to the pods of {}; it allows `{allowed}`",
            dapr::TENANTS
        ),
        remedy: format!(
            "set dapr_sidecar_injector.allowedServiceAccountsPrefixNames={} in its release (Dapr 1.11 or newer)",
            dapr::TENANTS
        ),
    })
}

async fn injector(client: &Client) -> Result<Option<Deployment>, Error> {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let found = deployments
        .list(&ListParams::default().labels(INJECTOR))
        .await
        .map_err(Error::ask("Dapr's injector"))?;
    Ok(found.items.into_iter().next())
}

/// Returns the version from the image of the injector.
fn version(injector: &Deployment) -> String {
    let pod = injector.spec.template.spec.as_ref();
    pod.and_then(|pod| pod.containers.first())
        .and_then(|container| container.image.as_deref())
        .and_then(|image| image.rsplit_once(':'))
        .map_or_else(|| "of an unknown version".to_owned(), |(_, tag)| tag.to_owned())
}

fn is_own(object: &impl ResourceExt, run: &str) -> bool {
    object.labels().get(RUN).is_some_and(|label| label == run)
}
