//! What the containers find in their environment.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, Pod, PodSpec};

use super::{Surroundings, containers};

/// Points every container at the guest's API, replaces references to what differs on the host by the guest's values,
/// and names config maps as the host does.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    for container in containers(spec) {
        translate_one(&mut container.env, &mut container.env_from, guest, surroundings);
    }
}

/// The same for one container.
pub(super) fn translate_one(
    env: &mut Option<Vec<EnvVar>>,
    env_from: &mut Option<Vec<EnvFromSource>>,
    guest: &Pod,
    surroundings: &Surroundings<'_>,
) {
    let theirs = env.take().unwrap_or_default();
    let mut all: Vec<EnvVar> = api_server(surroundings)
        .into_iter()
        .filter(|(name, _)| theirs.iter().all(|variable| variable.name != *name))
        .map(|(name, value)| literal(name, value))
        .collect();
    all.extend(theirs.into_iter().map(|variable| shown(variable, guest)));
    for source in all.iter_mut().filter_map(|variable| variable.value_from.as_mut()) {
        if let Some(source) = &mut source.config_map_key_ref {
            surroundings.rename_config_map(guest, &mut source.name);
        }
    }
    *env = Some(all);
    for source in env_from.iter_mut().flatten() {
        if let Some(source) = &mut source.config_map_ref {
            surroundings.rename_config_map(guest, &mut source.name);
        }
    }
}

/// All that a kubelet says about the API in any container, which would be the host's.
fn api_server(surroundings: &Surroundings<'_>) -> [(&'static str, String); 7] {
    let address = surroundings.api_server;
    let port = || "443".to_owned();
    let url = format!("tcp://{}", SocketAddr::new(address, 443));
    [
        ("KUBERNETES_SERVICE_HOST", address.to_string()),
        ("KUBERNETES_SERVICE_PORT", port()),
        ("KUBERNETES_SERVICE_PORT_HTTPS", port()),
        ("KUBERNETES_PORT", url.clone()),
        ("KUBERNETES_PORT_443_TCP", url),
        ("KUBERNETES_PORT_443_TCP_ADDR", address.to_string()),
        ("KUBERNETES_PORT_443_TCP_PORT", port()),
    ]
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
