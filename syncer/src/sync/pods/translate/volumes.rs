//! The mounts: tokens, the CA, the downward API.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, ObjectFieldSelector, Pod, PodSpec, SecretProjection,
    ServiceAccountTokenProjection, VolumeProjection,
};
use vcluster_values::naming;

use super::Surroundings;

/// Returns the name of the host Secret with a pod's tokens for the guest's API.
pub(crate) fn token_secret(uid: &str) -> String {
    format!("vc-token-{uid}")
}

/// Returns the tokens that a pod mounts, each with its key in the Secret.
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

/// Returns the sources of projected volumes that a kubelet takes from its own cluster, each with the reason that a pod may not
/// have it.
pub(super) fn of_the_hosts(spec: &PodSpec) -> Vec<String> {
    let mut fields = Vec::new();
    for (volume, projected) in spec.volumes.iter().flatten().enumerate() {
        let projected = projected.projected.iter();
        let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
        for (source, projection) in sources.enumerate() {
            let path = format!("spec.volumes[{volume}].projected.sources[{source}]");
            if projection.pod_certificate.is_some() {
                fields.push(format!(
                    "{path}.podCertificate: a signer of the host's would certify the host's pod, and none of the virtual \
                     cluster's would: mount a Secret"
                ));
            }
            if projection.cluster_trust_bundle.is_some() {
                fields.push(format!(
                    "{path}.clusterTrustBundle: the host's bundle would be mounted, and not that of the virtual cluster: \
                     mount a ConfigMap"
                ));
            }
        }
    }
    fields
}

/// Returns true if a pod has a file with all of its annotations.
pub(super) fn show_annotations(guest: &Pod) -> bool {
    let volumes = || guest.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let plain = volumes().filter_map(|volume| volume.downward_api.as_ref()?.items.as_ref());
    let projected = volumes().filter_map(|volume| volume.projected.as_ref());
    let projected = projected
        .flat_map(|projected| projected.sources.iter().flatten())
        .filter_map(|source| source.downward_api.as_ref()?.items.as_ref());
    let mut fields = plain
        .chain(projected)
        .flatten()
        .filter_map(|file| file.field_ref.as_ref());
    fields.any(|field| field.field_path == "metadata.annotations")
}

/// Returns the mode of a pod's tokens; `None` for that of the volume.
///
/// If a pod has one user for all containers or a group for its files, a kubelet gives a token the mode 0600 and that user as its
/// owner; the group may then read it, too. Here the token is in a Secret, and files of a Secret belong to root, so all users may
/// read it if nothing else lets that user read it.
fn token_mode(spec: &PodSpec) -> Option<i32> {
    let context = spec.security_context.as_ref();
    let group = context.and_then(|context| context.fs_group);
    match (group, only_user(spec)) {
        (Some(_), _) | (None, Some(0)) => Some(0o600),
        (None, Some(_)) => Some(0o444),
        (None, None) => None,
    }
}

/// Returns the user that all containers of a pod run as.
fn only_user(spec: &PodSpec) -> Option<i64> {
    let of_pod = spec
        .security_context
        .as_ref()
        .and_then(|context| context.run_as_user);
    let mut users = (spec.init_containers.iter().flatten().chain(&spec.containers)).map(|container| {
        let own = container.security_context.as_ref();
        own.and_then(|context| context.run_as_user).or(of_pod)
    });
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first)
}

/// Replaces tokens by keys of the pod's Secret, and translates names that differ on the host.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    let secret = token_secret(guest.metadata.uid.as_deref().unwrap_or_default());
    let rename = |name: &mut String| surroundings.rename_config_map(guest, name);
    let mode = token_mode(spec);
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
                source.secret = Some(from_secret(&secret, token_key(index), token.path, mode));
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

/// Refers a file of the downward API to the host pod's annotations, which hold the guest's values.
fn translate_file(file: &mut DownwardAPIVolumeFile) {
    let Some(field) = &mut file.field_ref else { return };
    let annotation = match field.field_path.as_str() {
        "metadata.namespace" => naming::OBJECT_NAMESPACE,
        "metadata.uid" => naming::OBJECT_UID,
        "metadata.annotations" => naming::own::GUEST_ANNOTATIONS,
        _ => return,
    };
    *field = ObjectFieldSelector {
        api_version: field.api_version.clone(),
        field_path: format!("metadata.annotations['{annotation}']"),
    };
}

fn from_secret(secret: &str, key: String, path: String, mode: Option<i32>) -> SecretProjection {
    SecretProjection {
        name: secret.to_owned(),
        items: Some(vec![KeyToPath {
            key,
            path,
            mode,
            ..KeyToPath::default()
        }]),
        optional: None,
    }
}

fn token_key(index: usize) -> String {
    format!("token-{index}")
}
