//! Selectors of namespaces: what selects guest namespaces selects their twins on the host, and no others.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::naming::Tenant;

/// Label on every namespace: its name.
const NAME: &str = "kubernetes.io/metadata.name";

/// Turns a selector of guest namespaces into one of host namespaces. One that selects all of a guest's namespaces
/// selects all of the tenant's on the host, not the host's.
pub(crate) fn translate(selector: &mut LabelSelector, tenant: &Tenant) {
    let labels = selector.match_labels.get_or_insert_default();
    if let Some(name) = labels.get_mut(NAME) {
        *name = tenant.host_namespace(name);
    }
    // Whatever the tenant wrote about these two gives way.
    labels.extend(tenant.labels());
    let expressions = selector.match_expressions.iter_mut().flatten();
    for name in expressions
        .filter(|expression| expression.key == NAME)
        .flat_map(|expression| expression.values.iter_mut().flatten())
    {
        *name = tenant.host_namespace(name);
    }
}
