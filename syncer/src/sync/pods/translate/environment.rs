//! The environment of the containers.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{
    ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, Pod, PodSpec, SecretKeySelector,
};

use super::{Surroundings, containers};

/// Sets the address of the guest's API in every container, replaces references to values that differ on the host by the guest's
/// values, and translates the names of ConfigMaps.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    for container in containers(spec) {
        translate_one(&mut container.env, &mut container.env_from, guest, surroundings);
    }
}

/// Translates the environment of one container.
pub(super) fn translate_one(
    env: &mut Option<Vec<EnvVar>>,
    env_from: &mut Option<Vec<EnvFromSource>>,
    guest: &Pod,
    surroundings: &Surroundings<'_>,
) {
    for source in env_from.iter_mut().flatten() {
        if let Some(source) = &mut source.config_map_ref {
            surroundings.rename_config_map(guest, &mut source.name);
        }
    }
    let theirs = env.take().unwrap_or_default();
    let mut all = Vec::new();
    for (name, value) in api_server(surroundings) {
        if theirs.iter().all(|variable| variable.name != name) {
            all.push(literal(name, value));
            let sources = env_from.iter().flatten();
            all.extend(sources.filter_map(|source| from_source(name, source)));
        }
    }
    all.extend(theirs.into_iter().map(|variable| {
        let mut variable = shown(variable, guest);
        let source = variable.value_from.as_mut();
        if let Some(source) = source.and_then(|source| source.config_map_key_ref.as_mut()) {
            surroundings.rename_config_map(guest, &mut source.name);
        }
        variable
    }));
    *env = Some(all);
}

/// Returns the variables by which a kubelet announces the API in any container; the kubelet's would be the host's.
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

/// Returns a variable from a source of a container's environment, if the source has a value for it.
///
/// Such sources override a kubelet's own variables, but not those of `env`. If `env` has several variables of one name, the last
/// one whose value exists counts.
fn from_source(name: &str, source: &EnvFromSource) -> Option<EnvVar> {
    let key = name.strip_prefix(source.prefix.as_deref().unwrap_or_default());
    let key = key.filter(|key| !key.is_empty())?.to_owned();
    let optional = Some(true);
    let config_map = source.config_map_ref.as_ref().map(|source| ConfigMapKeySelector {
        key: key.clone(),
        name: source.name.clone(),
        optional,
    });
    let secret = source.secret_ref.as_ref().map(|source| SecretKeySelector {
        key,
        name: source.name.clone(),
        optional,
    });
    Some(EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            config_map_key_ref: config_map,
            secret_key_ref: secret,
            ..EnvVarSource::default()
        }),
    })
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
