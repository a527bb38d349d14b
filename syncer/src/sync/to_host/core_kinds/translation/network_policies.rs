//! Network policies: pods have the same labels on both sides, namespaces have other names.
//!
//! A peer that selects all namespaces selects only the tenant's own: neither the host nor another tenant gets access by it.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::ApiResource;
use serde_json::Value;
use vcluster_values::naming::Tenant;

use super::{Status, Translation};
use crate::sync::to_host::selectors;
use crate::sync::write::object::Object;

/// The translation of network policies.
#[derive(Debug)]
pub(super) struct NetworkPolicies;

impl Translation for NetworkPolicies {
    fn kind(&self) -> ApiResource {
        ApiResource::erase::<NetworkPolicy>(&())
    }

    fn plural(&self) -> &'static str {
        "network policies"
    }

    fn status(&self) -> Status {
        Status::Guests
    }

    fn host_spec(&self, guest: &Object, tenant: &Tenant) -> Result<Value, String> {
        let read = guest.field::<NetworkPolicySpec>("spec");
        let mut spec = read
            .map(Option::unwrap_or_default)
            .map_err(|error| format!("its spec can't be read: {error}"))?;
        let from = spec.ingress.iter_mut().flatten();
        let from = from.flat_map(|rule| rule.from.iter_mut().flatten());
        let to = spec.egress.iter_mut().flatten();
        let to = to.flat_map(|rule| rule.to.iter_mut().flatten());
        from.chain(to).for_each(|peer| translate(peer, tenant));
        if let Some(selector) = &mut spec.pod_selector {
            translate_dns(selector);
        }
        serde_json::to_value(spec).map_err(|error| format!("its spec can't be written: {error}"))
    }
}

/// Translates a peer. A peer without a namespace selector is in the policy's own namespace.
fn translate(peer: &mut NetworkPolicyPeer, tenant: &Tenant) {
    if let Some(selector) = &mut peer.pod_selector {
        translate_dns(selector);
    }
    if let Some(selector) = &mut peer.namespace_selector {
        selectors::translate(selector, tenant);
    }
}

/// Makes a policy that selects the guest's DNS by vcluster's label select it by Kubernetes' own label, too: a pod has one value
/// of a label.
fn translate_dns(selector: &mut LabelSelector) {
    const KEY: &str = "k8s-app";
    const NAMES: [&str; 2] = ["kube-dns", "vcluster-kube-dns"];
    let Some(labels) = &mut selector.match_labels else {
        return;
    };
    if labels.get(KEY).map(String::as_str) != Some(NAMES[1]) {
        return;
    }
    labels.remove(KEY);
    let expressions = selector.match_expressions.get_or_insert_default();
    expressions.push(LabelSelectorRequirement {
        key: KEY.to_owned(),
        operator: "In".to_owned(),
        values: Some(NAMES.map(str::to_owned).to_vec()),
    });
}
