//! Whom the pod acts as, and where it may run.

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, WeightedPodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Surroundings;
use crate::naming::{self, Tenant};

/// Label on every namespace: its name.
const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// Gives the pod the tenant's workload account, without a token of the host, and leaves the choice of the node to
/// the host's scheduler.
pub(super) fn translate(spec: &mut PodSpec, surroundings: &Surroundings<'_>) {
    spec.service_account_name = Some(surroundings.tenant.workload_service_account());
    spec.service_account = None;
    spec.automount_service_account_token = Some(false);
    spec.ephemeral_containers = None;
    // Classes are objects of the guest that the host does not know; admission there sets its own.
    spec.priority = None;
    spec.priority_class_name = None;
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
            translate_selector(selector, tenant);
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

/// A selector that selects all of a guest's namespaces selects all of the tenant's on the host, not the host's.
fn translate_selector(selector: &mut LabelSelector, tenant: &Tenant) {
    let labels = selector.match_labels.get_or_insert_default();
    if let Some(name) = labels.get_mut(NAMESPACE) {
        *name = tenant.host_namespace(name);
    }
    labels.extend([
        (naming::VCLUSTER_NAME.to_owned(), tenant.name().to_owned()),
        (
            naming::VCLUSTER_NAMESPACE.to_owned(),
            tenant.namespace().to_owned(),
        ),
    ]);
    let expressions = selector.match_expressions.iter_mut().flatten();
    for name in expressions
        .filter(|expression| expression.key == NAMESPACE)
        .flat_map(|expression| expression.values.iter_mut().flatten())
    {
        *name = tenant.host_namespace(name);
    }
}
