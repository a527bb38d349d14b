//! The host name of a pod's containers.

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::Surroundings;

/// Maximum length of the host name that a kubelet gives a container.
const LONGEST: usize = 63;

/// Replaces `setHostnameAsFQDN` by the full name of the pod in the guest's DNS: a host's kubelet would use the host's namespace
/// in it.
///
/// `hostnameOverride` is the only field for it. If the host's API servers do not have the field (before Kubernetes 1.34) or the
/// feature `HostnameOverride` is off, they drop it, and the host name is the pod's short one.
pub(super) fn translate(spec: &mut PodSpec, guest: &Pod, surroundings: &Surroundings<'_>) {
    if spec.set_hostname_as_fqdn == Some(true) && spec.host_network != Some(true) {
        spec.hostname_override = full_name(guest, surroundings.cluster_domain);
    }
    spec.set_hostname_as_fqdn = None;
}

/// Returns the full name that a pod asks for as its host name; `None` if it asks for none, or has none because it has no
/// subdomain.
pub(super) fn full_name(guest: &Pod, cluster_domain: &str) -> Option<String> {
    let spec = guest.spec.as_ref()?;
    let subdomain = spec
        .subdomain
        .as_deref()
        .filter(|subdomain| !subdomain.is_empty())?;
    if spec.set_hostname_as_fqdn != Some(true) || spec.host_network == Some(true) {
        return None;
    }
    let name = short_name(guest);
    let namespace = guest.metadata.namespace.as_deref().unwrap_or_default();
    Some(format!("{name}.{subdomain}.{namespace}.svc.{cluster_domain}"))
}

/// Returns the host name that a pod has otherwise.
pub(super) fn short_name(guest: &Pod) -> &str {
    let chosen = guest.spec.as_ref().and_then(|spec| spec.hostname.as_deref());
    let chosen = chosen.filter(|name| !name.is_empty());
    let name = chosen.or(guest.metadata.name.as_deref()).unwrap_or_default();
    match name.get(..LONGEST) {
        Some(cut) if cut.len() < name.len() => cut.trim_end_matches(['-', '.']),
        _ => name,
    }
}

/// Returns the reason that no container can have the host name that a pod asks for; `None` if it can.
pub(super) fn too_long(guest: &Pod, cluster_domain: &str) -> Option<String> {
    let name = full_name(guest, cluster_domain).filter(|name| name.len() > LONGEST)?;
    Some(format!(
        "spec.setHostnameAsFQDN: the pod's full name {name} has {} characters, and a host name has at most {LONGEST}: shorten \
         spec.hostname or spec.subdomain, or remove the field",
        name.len()
    ))
}
