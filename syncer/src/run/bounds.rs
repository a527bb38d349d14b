//! The objects that limit the tenant in each of its host namespaces, by the limits in the values. The chart's policy `-bounds`
//! keeps the virtual cluster's account from weakening them.

use serde_json::{Map, Value, json};
use vcluster_values::Policies;
use vcluster_values::naming::Tenant;

use crate::sync::Bounds;

/// Returns the objects, and those that the values switch off.
pub(super) fn bounds(tenant: &Tenant, policies: &Policies) -> Bounds {
    let name = tenant.service_account();
    let all = [
        (policies.resource_quota.enabled, quota(policies)),
        (policies.limit_range.enabled, limit_range(policies)),
        (policies.network_policy.enabled, network_policy(tenant, policies)),
    ];
    let mut bounds = Bounds::default();
    for (is_wanted, mut object) in all {
        object["metadata"] = json!({"name": name});
        let list = if is_wanted {
            &mut bounds.wanted
        } else {
            &mut bounds.unwanted
        };
        list.push(object);
    }
    bounds
}

fn quota(policies: &Policies) -> Value {
    let hard = known(&policies.resource_quota.quota);
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": hard}})
}

fn limit_range(policies: &Policies) -> Value {
    let limits = &policies.limit_range;
    let fields = [
        ("default", &limits.default),
        ("defaultRequest", &limits.default_request),
        ("min", &limits.min),
        ("max", &limits.max),
    ];
    let mut item = Map::from_iter([("type".to_owned(), json!("Container"))]);
    for (field, quantities) in fields {
        let quantities = known(quantities);
        if !quantities.is_empty() {
            item.insert(field.to_owned(), quantities.into());
        }
    }
    json!({"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [item]}})
}

/// Returns the quantities as texts, without those that were removed.
fn known<'a>(quantities: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Map<String, Value> {
    let known = quantities
        .into_iter()
        .filter(|(_, quantity)| !quantity.is_null() && *quantity != "");
    known
        .map(|(resource, quantity)| {
            let text = quantity
                .as_str()
                .map_or_else(|| quantity.to_string(), ToOwned::to_owned);
            (resource.clone(), text.into())
        })
        .collect()
}

fn network_policy(tenant: &Tenant, policies: &Policies) -> Value {
    let policy = &policies.network_policy;
    let own = json!({"namespaceSelector": {"matchLabels": tenant.labels()}});
    let named =
        |name: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    let control_plane = json!({
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace()}},
        "podSelector": {"matchLabels": {"release": tenant.name()}},
    });
    let dns = json!({
        "to": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    });
    let mut egress = vec![json!({"to": [own]}), json!({"to": [control_plane]}), dns];
    egress.extend(
        policy
            .host_namespaces
            .iter()
            .map(|name| json!({"to": [named(name)]})),
    );
    let block = &policy.outgoing_connections.ip_block;
    if !block.cidr.is_empty() {
        egress.push(json!({"to": [{"ipBlock": {"cidr": block.cidr, "except": block.except}}]}));
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [own, control_plane]}],
        "egress": egress,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(policies: &Policies) -> Bounds {
        bounds(&Tenant::new("tenant-1", "vcluster-tenant-1"), policies)
    }

    fn kinds(objects: &[Value]) -> Vec<&str> {
        objects
            .iter()
            .filter_map(|object| object["kind"].as_str())
            .collect()
    }

    #[test]
    fn by_default_there_are_a_quota_and_a_limit_range() {
        let made = made(&Policies::default());
        assert_eq!(kinds(&made.wanted), ["ResourceQuota", "LimitRange"]);
        assert_eq!(kinds(&made.unwanted), ["NetworkPolicy"]);
        assert_eq!(made.wanted[0]["spec"]["hard"]["pods"], "100");
    }

    #[test]
    fn an_empty_quantity_is_taken_away_and_a_number_is_a_text() {
        let mut policies = Policies::default();
        policies.resource_quota.quota.insert("pods".to_owned(), json!(""));
        policies
            .resource_quota
            .quota
            .insert("count/jobs.batch".to_owned(), json!(7));
        let made = made(&policies);
        let hard = &made.wanted[0]["spec"]["hard"];
        assert_eq!((hard.get("pods"), &hard["count/jobs.batch"]), (None, &json!("7")));
    }

    #[test]
    fn a_network_policy_opens_what_the_tenant_needs() {
        let mut policies = Policies::default();
        policies.network_policy.enabled = true;
        insta::assert_yaml_snapshot!(made(&policies).wanted[2]["spec"]);
    }
}
