//! The translation of a guest pod to the host, as a pure function of the pod and of its surroundings.
//!
//! There is one file per concern; fields that no file changes are passed on as the tenant wrote them.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use vcluster_values::naming::Tenant;

use crate::sync::write::ownership::{self, HostName};

/// Names, labels and annotations.
mod metadata;

/// The account and the classes of a pod.
mod identity;

/// The node and scheduling of a pod.
mod placement;

/// The host name of a pod's containers.
mod hostname;

/// The environment of the containers.
mod environment;

/// The mounts: tokens, the CA, the downward API.
pub(super) mod volumes;

/// The DNS of the pod.
mod dns;

/// The inputs of a translation besides the pod.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings<'a> {
    /// The virtual cluster.
    pub(crate) tenant: &'a Tenant,
    /// The address at which pods reach the guest's API.
    pub(crate) api_server: IpAddr,
    /// The guest's DNS domain.
    pub(crate) cluster_domain: &'a str,
    /// The address of the guest's DNS; `None` for a pod that does not use it.
    pub(crate) dns: Option<&'a str>,
    /// The pod's priority class, if it is one that the host shows.
    pub(crate) priority_class: Option<&'a str>,
    /// The pod's service account, if it is one that the host has a mirror of.
    pub(crate) account: Option<&'a str>,
}

impl Surroundings<'_> {
    /// Replaces a ConfigMap's name in the guest by its name on the host.
    fn rename_config_map(&self, guest: &Pod, name: &mut String) {
        let namespace = guest.metadata.namespace.as_deref().unwrap_or_default();
        *name = self.tenant.host_name(namespace, name);
    }
}

/// Returns the pod to create on the host for a guest pod.
pub(crate) fn host_pod(guest: &Pod, surroundings: &Surroundings<'_>) -> Pod {
    let namespace = guest.metadata.namespace.clone().unwrap_or_default();
    let name = guest.metadata.name.clone().unwrap_or_default();
    let host_namespace = surroundings.tenant.host_namespace(&namespace);
    let host = HostName {
        namespace: &host_namespace,
        name: &name,
    };
    let mut annotations = ownership::annotations(&guest.metadata, &ApiResource::erase::<Pod>(&()), &host);
    metadata::annotate(guest, &mut annotations);
    let mut spec = guest.spec.clone().unwrap_or_default();
    identity::translate(&mut spec, surroundings);
    placement::translate(&mut spec, surroundings);
    hostname::translate(&mut spec, guest, surroundings);
    environment::translate(&mut spec, guest, surroundings);
    volumes::translate(&mut spec, guest, surroundings);
    dns::translate(&mut spec, &namespace, surroundings);
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(host_namespace),
            labels: Some(ownership::labels(&guest.metadata)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

/// Returns the ephemeral containers of a running guest pod, translated for the host.
pub(crate) fn ephemeral(
    mut added: Vec<EphemeralContainer>,
    guest: &Pod,
    surroundings: &Surroundings<'_>,
) -> Vec<EphemeralContainer> {
    for container in &mut added {
        environment::translate_one(&mut container.env, &mut container.env_from, guest, surroundings);
    }
    added
}

/// Returns true if a pod uses the guest's DNS.
pub(crate) fn needs_dns(guest: &Pod) -> bool {
    guest.spec.as_ref().is_some_and(dns::is_the_guests)
}

/// Returns the fields of a pod that it can't have on the host, each with its path, the reason and a remedy.
pub(crate) fn obstacles(guest: &Pod, surroundings: &Surroundings<'_>) -> Vec<String> {
    let mut fields = guest.spec.as_ref().map(volumes::of_the_hosts).unwrap_or_default();
    fields.extend(hostname::too_long(guest, surroundings.cluster_domain));
    fields
}

/// Returns the fields of a pod that have another effect on the host, each with a reason and a note for its tenant.
pub(crate) fn remarks(
    guest: &Pod,
    host: &Pod,
    surroundings: &Surroundings<'_>,
) -> Vec<(&'static str, String)> {
    let namespace = guest.metadata.namespace.as_deref().unwrap_or_default();
    let left_out = (guest.spec.as_ref()).map(|spec| dns::left_out(spec, namespace, surroundings));
    let left_out = left_out.filter(|left_out| !left_out.is_empty()).map(|left_out| {
        let note = format!(
            "left out of the pod's DNS configuration: {}. A pod has at most 3 name servers, and 32 search domains of 2048 \
             characters, the cluster's own among them",
            left_out.join(", ")
        );
        ("DNSConfigForming", note)
    });
    let asked = hostname::full_name(guest, surroundings.cluster_domain);
    let given = host
        .spec
        .as_ref()
        .and_then(|spec| spec.hostname_override.as_ref());
    let short = asked.filter(|asked| Some(asked) != given).map(|asked| {
        let note = format!(
            "the pod's host name is {}, not {asked}, for its host does not have the feature HostnameOverride. In the cluster's \
             DNS the pod has its full name",
            hostname::short_name(guest)
        );
        ("ShortHostname", note)
    });
    left_out.into_iter().chain(short).collect()
}

#[cfg(test)]
mod tests;

/// The list of all fields.
#[cfg(test)]
mod fields;

/// Returns all containers that a pod is created with.
fn containers(spec: &mut PodSpec) -> impl Iterator<Item = &mut Container> {
    spec.init_containers
        .iter_mut()
        .flatten()
        .chain(&mut spec.containers)
}
