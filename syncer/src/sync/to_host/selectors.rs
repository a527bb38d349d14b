//! Selectors of namespaces: what selects guest namespaces selects their mirrors on the host, and no others.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use vcluster_values::naming::Tenant;

/// Label on every namespace: its name.
const NAME: &str = "kubernetes.io/metadata.name";

/// Turns a selector of guest namespaces into one of host namespaces. One that selects all of a guest's namespaces
/// selects all of the tenant's on the host, not the host's.
pub(crate) fn translate(selector: &mut LabelSelector, tenant: &Tenant) {
    let labels = selector.match_labels.take().unwrap_or_default();
    let labels = labels.into_iter().map(|(key, value)| {
        if key == NAME {
            (key, tenant.host_namespace(&value))
        } else {
            (tenant.namespace_label(&key), value)
        }
    });
    let mut labels: BTreeMap<_, _> = labels.collect();
    labels.extend(tenant.labels());
    selector.match_labels = Some(labels);
    for expression in selector.match_expressions.iter_mut().flatten() {
        if expression.key == NAME {
            for name in expression.values.iter_mut().flatten() {
                *name = tenant.host_namespace(name);
            }
        } else {
            expression.key = tenant.namespace_label(&expression.key);
        }
    }
}
