//! The one Dapr control plane, by its own chart.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use kube::Client;
use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use minijinja::context;
use provision::events::Events;
use provision::helm::{Chart, Release};
use provision::images;
use provision::wait::{self, Budget, Seen};

use authority::Authority;

use super::{Error, Settings, canary};
use crate::manifests;
use crate::substrate::Cluster;

/// The authority with which Sentry signs the sidecars' certificates.
mod authority;

/// The Helm release.
pub const RELEASE: &str = "dapr";

/// The namespace of the control plane.
pub const NAMESPACE: &str = "dapr-system";

/// The registry in which its images are published.
const REGISTRY: &str = "ghcr.io/dapr";

/// The accounts that create tenants' pods on the host, in the form of the injector's setting: the service accounts of
/// their control planes.
pub const TENANTS: &str = "vcluster-*:vc-*";

/// The network policy of the control plane's namespace.
const NETWORK: &str = include_str!("../../manifests/platform/dapr-network.yaml");

/// A kind is served within a second of its definition.
const KNOWN: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// Returns the API resource of Dapr's Components.
#[must_use]
pub fn components() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("dapr.io", "v1alpha1", "Component"))
}

/// Installs the control plane and returns when a canary got a working sidecar.
pub(super) async fn install(settings: &Settings, cluster: &Cluster, events: &Events) -> Result<(), Error> {
    if !settings.installs_dapr {
        events.progress(
            "platform",
            "waiting for a canary to get a sidecar of the cluster's own Dapr",
        );
        return canary::fly(settings, cluster).await;
    }
    let registry = cluster.image(REGISTRY);
    let authority = Authority::of(&cluster.client).await?;
    let values = values(&settings.dapr_version, &registry, &authority)?;
    let release = Release {
        name: RELEASE,
        namespace: NAMESPACE,
        chart: &Chart::Folder(settings.dapr_chart.clone()),
        values: &values,
        set: &[],
        compared: true,
    };
    events.progress("platform", "installing Dapr's chart");
    prepare(settings, &cluster.client).await?;
    manifests::apply(
        &cluster.client,
        NAMESPACE,
        "platform/dapr-network.yaml",
        NETWORK,
        context! { run => settings.run.as_str() },
    )
    .await?;
    settings.helm.install(release).await.map_err(Error::Helm)?;
    events.progress("platform", "waiting for a canary's sidecar to answer");
    canary::fly(settings, cluster).await
}

/// Creates the objects that the control plane needs when it starts: its kinds, as in the chart, and a few objects.
async fn prepare(settings: &Settings, client: &Client) -> Result<(), Error> {
    let folder = settings.dapr_chart.join("crds");
    let unread = |source| Error::Chart {
        path: folder.clone(),
        source,
    };
    for file in fs::read_dir(&folder).map_err(unread)? {
        let path = file.map_err(unread)?.path();
        let text = fs::read_to_string(&path).map_err(unread)?;
        manifests::apply_as_is(
            client,
            NAMESPACE,
            &path.display().to_string(),
            &text,
            &settings.run,
        )
        .await?;
    }
    wait::until("Dapr's kinds to be known", KNOWN, || async {
        let made = manifests::apply(
            client,
            NAMESPACE,
            "platform/dapr-before.yaml",
            include_str!("../../manifests/platform/dapr-before.yaml"),
            context! { run => settings.run.as_str(), image => settings.pause_image.as_str() },
        )
        .await;
        Ok::<_, Infallible>(match made {
            Err(error) if error.is_unknown_kind() => Seen::not_yet(error.to_string()),
            other => Seen::Ready(other),
        })
    })
    .await??;
    Ok(())
}

/// Returns the chart's values.
fn values(version: &str, registry: &str, authority: &Authority) -> Result<String, Error> {
    let text = manifests::fill(
        "platform/dapr-values.yaml",
        include_str!("../../manifests/platform/dapr-values.yaml"),
        context! {
            version => version,
            registry => registry,
            tenants => TENANTS,
            architecture => images::architecture(),
            root_certificate => quoted(&authority.root_certificate),
            issuer_certificate => quoted(&authority.issuer_certificate),
            issuer_key => quoted(&authority.issuer_key),
        },
    )?;
    Ok(text)
}

/// Returns a text as YAML (and JSON) quotes it, on one line.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::networking::v1::NetworkPolicy;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    use super::*;

    fn parsed_values() -> serde_json::Value {
        let authority = Authority::new(authority::today()).unwrap();
        let values = values("1.16.0", "ghcr.io/dapr", &authority).unwrap();
        serde_saphyr::from_str(&values).unwrap()
    }

    #[test]
    fn the_values_are_yaml_with_the_certificates_in_it() {
        let parsed = parsed_values();
        assert_eq!(parsed["global"]["tag"], "1.16.0");
        let root = parsed["dapr_sentry"]["tls"]["root"]["certPEM"].as_str().unwrap();
        assert!(root.starts_with("-----BEGIN CERTIFICATE-----\n"), "{root}");
        assert_eq!(
            parsed["dapr_operator"]["livenessProbe"],
            parsed["dapr_sentry"]["livenessProbe"]
        );
    }

    #[test]
    fn each_part_of_the_control_plane_has_a_memory_limit() {
        let parsed = parsed_values();
        for part in ["dapr_operator", "dapr_sentry", "dapr_sidecar_injector"] {
            let resources = &parsed[part]["resources"];
            assert!(resources["requests"]["memory"].is_string(), "{part}: {resources}");
            assert!(resources["limits"]["memory"].is_string(), "{part}: {resources}");
        }
    }

    #[test]
    fn the_network_policy_opens_the_ports_of_callers_only() {
        let objects =
            manifests::objects("platform/dapr-network.yaml", NETWORK, context! { run => "r" }).unwrap();
        let [policy]: [NetworkPolicy; 1] = objects
            .into_iter()
            .map(|object| object.try_parse().unwrap())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        assert_eq!(policy.metadata.namespace.as_deref(), Some(NAMESPACE));
        let spec = policy.spec.unwrap();
        assert_eq!(spec.pod_selector, Some(LabelSelector::default()), "all pods");
        assert_eq!(spec.policy_types, Some(vec!["Ingress".to_owned()]));
        let [rule]: [_; 1] = spec.ingress.unwrap().try_into().unwrap();
        assert_eq!(rule.from, None);
        let ports: Vec<_> = rule
            .ports
            .unwrap()
            .into_iter()
            .map(|port| port.port.unwrap())
            .collect();
        // Sentry, the operator's API, the injector, the conversion of Subscriptions: as in Dapr's chart.
        assert_eq!(ports, [50001, 6500, 4000, 19443].map(IntOrString::Int));
    }
}
