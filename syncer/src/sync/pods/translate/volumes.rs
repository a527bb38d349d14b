//! What is mounted: tokens, the CA, the downward API.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, ObjectFieldSelector, Pod, PodSpec, SecretProjection,
    ServiceAccountTokenProjection, VolumeProjection,
};

use super::Surroundings;
use crate::naming;

/// The host Secret that holds a pod's tokens for the guest's API.
pub(crate) fn token_secret(uid: &str) -> String {
    format!("vc-token-{uid}")
}

/// The tokens that a pod mounts, each with its key in the Secret.
pub(crate) fn tokens(guest: &Pod) -> Vec<(String, ServiceAccountTokenProjection)> {
    let volumes = guest.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter_map(|volume| volume.projected.as_ref())
        .flat_map(|projected| projected.sources.iter().flatten())
        .filter_map(|source| source.service_account_token.clone())
        .enumerate()
        .map(|(index, token)| (token_key(index), token))
        .collect()
}

/// Replaces tokens by keys of the pod's Secret, and names what the host calls otherwise by its name there.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    let secret = token_secret(guest.metadata.uid.as_deref().unwrap_or_default());
    let rename = |name: &mut String| surroundings.rename_config_map(guest, name);
    let mut index = 0;
    for volume in spec.volumes.iter_mut().flatten() {
        if let Some(source) = &mut volume.config_map {
            rename(&mut source.name);
        }
        for file in volume
            .downward_api
            .iter_mut()
            .flat_map(|source| source.items.iter_mut().flatten())
        {
            translate_file(file);
        }
        for source in volume
            .projected
            .iter_mut()
            .flat_map(|source| source.sources.iter_mut().flatten())
        {
            if let Some(token) = source.service_account_token.take() {
                source.secret = Some(from_secret(&secret, token_key(index), token.path));
                index += 1;
            }
            translate_source(source, &rename);
        }
    }
}

fn translate_source(source: &mut VolumeProjection, rename: &impl Fn(&mut String)) {
    if let Some(source) = &mut source.config_map {
        rename(&mut source.name);
    }
    for file in source
        .downward_api
        .iter_mut()
        .flat_map(|source| source.items.iter_mut().flatten())
    {
        translate_file(file);
    }
}

/// The host pod's annotations hold the guest's values.
fn translate_file(file: &mut DownwardAPIVolumeFile) {
    let Some(field) = &mut file.field_ref else { return };
    let annotation = match field.field_path.as_str() {
        "metadata.namespace" => naming::OBJECT_NAMESPACE,
        "metadata.uid" => naming::OBJECT_UID,
        _ => return,
    };
    *field = ObjectFieldSelector {
        api_version: field.api_version.clone(),
        field_path: format!("metadata.annotations['{annotation}']"),
    };
}

fn from_secret(secret: &str, key: String, path: String) -> SecretProjection {
    SecretProjection {
        name: secret.to_owned(),
        items: Some(vec![KeyToPath {
            key,
            path,
            ..KeyToPath::default()
        }]),
        optional: None,
    }
}

fn token_key(index: usize) -> String {
    format!("token-{index}")
}
