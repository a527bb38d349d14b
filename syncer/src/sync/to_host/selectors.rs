//! Selectors of namespaces: a selector of guest namespaces selects their host namespaces, and no others.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use vcluster_values::naming::Tenant;

/// Label on every namespace: its name.
const NAME: &str = "kubernetes.io/metadata.name";

/// Translates a selector of guest namespaces to one of host namespaces. A selector of all guest namespaces selects all of the
/// tenant's host namespaces, not all of the host.
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
