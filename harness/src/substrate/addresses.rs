//! The range of addresses that a cluster gives its Services.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;

/// The range that a cluster has from its start, as Kubernetes calls it.
const FIRST: &str = "kubernetes";

/// The text before the range, where an API server refuses an address that is not in it.
const REFUSAL: &str = "The range of valid IPs is ";

/// Kubernetes' own default, if a cluster does not report its range.
const DEFAULT: &str = "10.96.0.0/12";

/// Returns the range. The cluster reports it since Kubernetes 1.33; before that, its refusal of an address outside of
/// the range does.
pub(super) async fn services(client: &Client) -> Result<String, kube::Error> {
    let ranges: Api<ServiceCIDR> = Api::all(client.clone());
    match ranges.get_opt(FIRST).await {
        Ok(Some(range)) => {
            let first = range.spec.and_then(|spec| spec.cidrs?.into_iter().next());
            return Ok(first.unwrap_or_else(|| DEFAULT.to_owned()));
        }
        // A cluster that does not know the kind.
        Ok(None) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(error),
    }
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let outside: Service = serde_json::from_value(json!({
        "metadata": {"generateName": "range-"},
        "spec": {"clusterIP": "1.1.1.1", "ports": [{"port": 443}]},
    }))
    .map_err(kube::Error::SerdeError)?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match services.create(&dry_run, &outside).await {
        Err(kube::Error::Api(status)) => Ok(range_in(&status.message).unwrap_or(DEFAULT).to_owned()),
        Ok(_) => Ok(DEFAULT.to_owned()),
        Err(error) => Err(error),
    }
}

fn range_in(refusal: &str) -> Option<&str> {
    let range = refusal.split_once(REFUSAL)?.1;
    Some(range.trim_end_matches(|letter: char| !letter.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_range() {
        let refusal = "Service \"range-x\" is invalid: spec.clusterIPs: Invalid value: [\"1.1.1.1\"]: failed to \
                       allocate IP 1.1.1.1: the provided IP (1.1.1.1) is not in the valid range. The range of valid IPs \
                       is 10.43.0.0/16";
        assert_eq!(range_in(refusal), Some("10.43.0.0/16"));
        assert_eq!(range_in("denied"), None);
    }
}
