//! Which DNS the pod asks.

use k8s_openapi::api::core::v1::{PodDNSConfig, PodDNSConfigOption, PodSpec};

use super::Surroundings;

/// Whether a pod's policy means the cluster's DNS, which for it is the guest's.
pub(super) fn is_the_guests(spec: &PodSpec) -> bool {
    match spec.dns_policy.as_deref() {
        None | Some("ClusterFirst") => spec.host_network != Some(true),
        Some("ClusterFirstWithHostNet") => true,
        Some(_) => false,
    }
}

/// Has a pod that would ask the host's DNS ask the guest's; other policies mean the same on both sides.
pub(super) fn translate(spec: &mut PodSpec, namespace: &str, surroundings: &Surroundings<'_>) {
    if !is_the_guests(spec) {
        return;
    }
    let theirs = spec.dns_config.take().unwrap_or_default();
    let domain = surroundings.cluster_domain;
    let mut nameservers: Vec<String> = surroundings
        .dns
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    nameservers.extend(theirs.nameservers.into_iter().flatten());
    let mut searches = vec![
        format!("{namespace}.svc.{domain}"),
        format!("svc.{domain}"),
        domain.to_owned(),
    ];
    searches.extend(theirs.searches.into_iter().flatten());
    let mut options: Vec<PodDNSConfigOption> = theirs.options.into_iter().flatten().collect();
    if options
        .iter()
        .all(|option| option.name.as_deref() != Some("ndots"))
    {
        options.push(PodDNSConfigOption {
            name: Some("ndots".to_owned()),
            value: Some("5".to_owned()),
        });
    }
    spec.dns_policy = Some("None".to_owned());
    spec.dns_config = Some(PodDNSConfig {
        nameservers: Some(nameservers),
        searches: Some(searches),
        options: Some(options),
    });
}
