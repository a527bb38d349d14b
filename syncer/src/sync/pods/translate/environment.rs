//! What the containers find in their environment.

use k8s_openapi::api::core::v1::{EnvVar, Pod, PodSpec};

use super::{Surroundings, containers};

/// Points every container at the guest's API, and replaces references to what differs on the host by the guest's
/// values.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    let api_server = [
        ("KUBERNETES_SERVICE_HOST", surroundings.api_server.to_string()),
        ("KUBERNETES_SERVICE_PORT", "443".to_owned()),
        ("KUBERNETES_SERVICE_PORT_HTTPS", "443".to_owned()),
    ];
    for container in containers(spec) {
        let theirs = container.env.take().unwrap_or_default();
        let mut all: Vec<EnvVar> = api_server
            .iter()
            .filter(|(name, _)| theirs.iter().all(|variable| variable.name != *name))
            .map(|(name, value)| literal(name, value.clone()))
            .collect();
        all.extend(theirs.into_iter().map(|variable| shown(variable, guest)));
        container.env = Some(all);
    }
}

fn shown(variable: EnvVar, guest: &Pod) -> EnvVar {
    let field = variable
        .value_from
        .as_ref()
        .and_then(|source| source.field_ref.as_ref());
    let value = match field.map(|field| field.field_path.as_str()) {
        Some("metadata.namespace") => guest.metadata.namespace.clone(),
        Some("metadata.uid") => guest.metadata.uid.clone(),
        Some("spec.serviceAccountName") => guest
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.clone()),
        _ => None,
    };
    match value {
        Some(value) => literal(&variable.name, value),
        None => variable,
    }
}

fn literal(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    }
}
