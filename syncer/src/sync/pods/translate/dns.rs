//! The DNS of the pod.

use k8s_openapi::api::core::v1::{PodDNSConfig, PodDNSConfigOption, PodSpec};

use super::Surroundings;

/// Maximum number of name servers of a pod.
const NAME_SERVERS: usize = 3;

/// Maximum number of search domains of a pod.
const SEARCHES: usize = 32;

/// Maximum number of characters of a pod's search domains, with a blank between two of them.
const SEARCH_CHARACTERS: usize = 2048;

/// Returns true if a pod's policy selects the cluster's DNS, which for it is the guest's.
pub(super) fn is_the_guests(spec: &PodSpec) -> bool {
    match spec.dns_policy.as_deref() {
        None | Some("ClusterFirst") => spec.host_network != Some(true),
        Some("ClusterFirstWithHostNet") => true,
        Some(_) => false,
    }
}

/// Configures the guest's DNS for a pod that would use the host's; other policies mean the same on both sides.
pub(super) fn translate(spec: &mut PodSpec, namespace: &str, surroundings: &Surroundings<'_>) {
    if !is_the_guests(spec) {
        return;
    }
    let Lists {
        mut name_servers,
        mut searches,
    } = Lists::of(spec, namespace, surroundings);
    name_servers.truncate(NAME_SERVERS);
    searches.truncate(fitting(&searches));
    let theirs = spec.dns_config.take().unwrap_or_default();
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
        nameservers: Some(name_servers),
        searches: Some(searches),
        options: Some(options),
    });
}

/// Returns the name servers and search domains of a pod that exceed the limits, together with the cluster's own. A kubelet omits
/// the last ones, too.
pub(super) fn left_out(spec: &PodSpec, namespace: &str, surroundings: &Surroundings<'_>) -> Vec<String> {
    if !is_the_guests(spec) {
        return Vec::new();
    }
    let lists = Lists::of(spec, namespace, surroundings);
    let servers = lists.name_servers.iter().skip(NAME_SERVERS);
    let searches = lists.searches.iter().skip(fitting(&lists.searches));
    servers.chain(searches).cloned().collect()
}

/// All servers and domains of a pod, without duplicates: the cluster's, then its own.
struct Lists {
    name_servers: Vec<String>,
    searches: Vec<String>,
}

impl Lists {
    fn of(spec: &PodSpec, namespace: &str, surroundings: &Surroundings<'_>) -> Self {
        let theirs = spec.dns_config.as_ref();
        let domain = surroundings.cluster_domain;
        let clusters = [
            format!("{namespace}.svc.{domain}"),
            format!("svc.{domain}"),
            domain.to_owned(),
        ];
        let servers = theirs.and_then(|theirs| theirs.nameservers.as_deref());
        let searches = theirs.and_then(|theirs| theirs.searches.as_deref());
        Self {
            name_servers: each_once(surroundings.dns.map(ToOwned::to_owned), servers),
            searches: each_once(clusters, searches),
        }
    }
}

fn each_once(first: impl IntoIterator<Item = String>, then: Option<&[String]>) -> Vec<String> {
    let mut all = Vec::new();
    for text in first.into_iter().chain(then.into_iter().flatten().cloned()) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

/// Returns the number of search domains, from the first on, that a pod may have.
fn fitting(searches: &[String]) -> usize {
    let mut characters = 0;
    let fits = searches.iter().take(SEARCHES).take_while(|search| {
        characters += search.len();
        let fits = characters <= SEARCH_CHARACTERS;
        characters += 1;
        fits
    });
    fits.count()
}
