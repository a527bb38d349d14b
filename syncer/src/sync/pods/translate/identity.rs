//! Whom the pod acts as, and where it may run.

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, WeightedPodAffinityTerm};

use super::Surroundings;
use crate::naming::Tenant;
use crate::sync::selectors;

/// Gives the pod its own account's twin or the tenant's workload account, without a token of the host, and leaves the
/// choice of the node to the host's scheduler.
pub(super) fn translate(spec: &mut PodSpec, surroundings: &Surroundings<'_>) {
    let account = surroundings.account.map(ToOwned::to_owned);
    spec.service_account_name = account.or_else(|| Some(surroundings.tenant.workload_service_account()));
    spec.service_account = None;
    spec.automount_service_account_token = Some(false);
    spec.ephemeral_containers = None;
    // A class that the host does not show is the guest's own, and the host does not know it. What a class is worth
    // is for admission there to say.
    spec.priority = None;
    spec.priority_class_name = surroundings.priority_class.map(ToOwned::to_owned);
    spec.preemption_policy = None;
    spec.overhead = None;
    spec.scheduler_name = None;
    spec.scheduling_group = None;
    if let Some(node) = spec.node_name.take() {
        let selector = spec.node_selector.get_or_insert_default();
        selector.insert("kubernetes.io/hostname".to_owned(), node);
    }
    translate_affinity(spec, surroundings.tenant);
}

/// Terms that name or select guest namespaces mean their twins on the host, and no others.
fn translate_affinity(spec: &mut PodSpec, tenant: &Tenant) {
    let Some(affinity) = &mut spec.affinity else {
        return;
    };
    let near = affinity.pod_affinity.iter_mut().flat_map(|near| {
        let required = &mut near.required_during_scheduling_ignored_during_execution;
        let preferred = &mut near.preferred_during_scheduling_ignored_during_execution;
        terms(required, preferred)
    });
    let far = affinity.pod_anti_affinity.iter_mut().flat_map(|far| {
        let required = &mut far.required_during_scheduling_ignored_during_execution;
        let preferred = &mut far.preferred_during_scheduling_ignored_during_execution;
        terms(required, preferred)
    });
    for term in near.chain(far) {
        for namespace in term.namespaces.iter_mut().flatten() {
            *namespace = tenant.host_namespace(namespace);
        }
        if let Some(selector) = &mut term.namespace_selector {
            selectors::translate(selector, tenant);
        }
    }
}

fn terms<'a>(
    required: &'a mut Option<Vec<PodAffinityTerm>>,
    preferred: &'a mut Option<Vec<WeightedPodAffinityTerm>>,
) -> impl Iterator<Item = &'a mut PodAffinityTerm> {
    let preferred = preferred.iter_mut().flatten();
    let preferred = preferred.map(|weighted| &mut weighted.pod_affinity_term);
    required.iter_mut().flatten().chain(preferred)
}
