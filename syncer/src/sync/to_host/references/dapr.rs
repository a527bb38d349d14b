//! The objects that Dapr's annotations name: Secrets and volumes of a pod, and the container of a pluggable component.
//!
//! Dapr's injector adds the sidecar and its references to the host pod; the guest's spec does not have them. The names are those
//! of its list of annotations (<https://docs.dapr.io/reference/arguments-annotations-overview/>, Dapr 1.16 to 1.18).

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

/// Annotations of a pod by which the sidecar gets an environment variable, read from the Secret that the annotation names.
const TOKENS: [&str; 2] = ["dapr.io/api-token-secret", "dapr.io/app-token-secret"];

/// Annotation of a pod for any such variables: `VARIABLE=SECRET` or `VARIABLE=SECRET:KEY`, separated by commas.
const VARIABLES: &str = "dapr.io/env-from-secret";

/// Annotations of a pod by which the sidecar mounts volumes of the pod: `VOLUME:PATH`, separated by commas.
const MOUNTS: [&str; 2] = ["dapr.io/volume-mounts", "dapr.io/volume-mounts-rw"];

/// Annotation of a pod: true for a sidecar.
const ENABLED: &str = "dapr.io/enabled";

/// Annotation of a Component: a container, as JSON, for each pod that has the component's containers injected.
const CONTAINER: &str = "dapr.io/component-container";

/// Returns the Secrets that the sidecar of a pod reads.
pub(super) fn secrets(pod: &Pod) -> impl Iterator<Item = &str> {
    let annotations = pod.annotations();
    let tokens = TOKENS.into_iter().filter_map(|name| annotations.get(name));
    let variables = annotations.get(VARIABLES).into_iter();
    let variables = variables.flat_map(|variables| variables.split(','));
    let variables = variables.filter_map(|variable| {
        let (_, source) = variable.split_once('=')?;
        source.split(':').next()
    });
    tokens.map(String::as_str).chain(variables).map(str::trim)
}

/// Reads the container that a Component has for pods. Dapr, too, ignores one that is not JSON.
pub(super) fn container(component: &ObjectMeta) -> Option<Container> {
    let annotations = component.annotations.as_ref()?;
    serde_json::from_str(annotations.get(CONTAINER)?).ok()
}

/// Returns the volumes that the sidecar of a pod should mount and the pod does not have, each with the annotation that names it.
/// Dapr's injector ignores them.
pub(crate) fn missing_volumes(pod: &Pod) -> impl Iterator<Item = (&'static str, &str)> {
    let annotations = pod.annotations();
    let is_enabled = (annotations.get(ENABLED)).is_some_and(|enabled| enabled.eq_ignore_ascii_case("true"));
    let annotations = MOUNTS.into_iter().filter(move |_| is_enabled);
    let mounts = annotations.filter_map(|name| Some((name, pod.annotations().get(name)?)));
    let volumes = mounts.flat_map(|(name, mounts)| {
        let volumes = mounts.split(',').filter_map(|mount| mount.split_once(':'));
        volumes.map(move |(volume, _)| (name, volume.trim()))
    });
    volumes.filter(|(_, named)| {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        volumes.map(|volume| &*volume.name).all(|volume| volume != *named)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn pod(annotations: &Value) -> Pod {
        let spec = json!({"containers": [], "volumes": [{"name": "words", "secret": {"secretName": "s"}}]});
        serde_json::from_value(json!({"metadata": {"annotations": annotations}, "spec": spec})).unwrap()
    }

    #[rstest]
    #[case::of_the_api(json!({"dapr.io/api-token-secret": "s"}), &["s"])]
    #[case::of_the_app(json!({"dapr.io/app-token-secret": " s "}), &["s"])]
    #[case::of_variables(json!({"dapr.io/env-from-secret": "A=whole, B=one:key,nothing"}), &["whole", "one"])]
    #[case::of_no_sidecar(json!({"example.com/api-token-secret": "s"}), &[])]
    fn a_sidecar_reads_secrets(#[case] annotations: Value, #[case] expected: &[&str]) {
        let pod = pod(&annotations);
        let found: Vec<&str> = secrets(&pod).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::one_that_is_there(json!({"dapr.io/enabled": "true", "dapr.io/volume-mounts": "words:/words"}), &[])]
    #[case::others(
        json!({"dapr.io/enabled": "true", "dapr.io/volume-mounts": "words:/a, a:/b", "dapr.io/volume-mounts-rw": "b:/c"}),
        &[("dapr.io/volume-mounts", "a"), ("dapr.io/volume-mounts-rw", "b")]
    )]
    #[case::without_a_sidecar(json!({"dapr.io/volume-mounts": "a:/a"}), &[])]
    fn a_sidecar_lacks_volumes(#[case] annotations: Value, #[case] expected: &[(&str, &str)]) {
        let pod = pod(&annotations);
        let found: Vec<_> = missing_volumes(&pod).collect();
        assert_eq!(found, expected);
    }
}
