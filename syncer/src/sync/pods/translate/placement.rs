//! The node and scheduling of a pod, and its affinity to other pods.

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, WeightedPodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use vcluster_values::naming::Tenant;

use super::Surroundings;
use crate::sync::to_host::selectors;

/// Leaves the choice of the node to the host's scheduler, by the pod's constraints; a node's name becomes a node selector.
pub(super) fn translate(spec: &mut PodSpec, surroundings: &Surroundings<'_>) {
    spec.scheduler_name = None;
    spec.scheduling_group = None;
    // A pod is created on the host once its gates are open.
    spec.scheduling_gates = None;
    if let Some(node) = spec.node_name.take() {
        let selector = spec.node_selector.get_or_insert_default();
        selector.insert("kubernetes.io/hostname".to_owned(), node);
    }
    for constraint in spec.topology_spread_constraints.iter_mut().flatten() {
        leave_merged(
            &mut constraint.match_label_keys,
            constraint.label_selector.as_ref(),
        );
    }
    for term in affinity_terms(spec) {
        leave_merged(&mut term.match_label_keys, term.label_selector.as_ref());
        leave_merged(&mut term.mismatch_label_keys, term.label_selector.as_ref());
        name_namespaces(term, surroundings.tenant);
    }
}

/// Removes the keys of `matchLabelKeys` or `mismatchLabelKeys` that the selector has an expression for.
///
/// When an API server creates a pod, it adds an expression with the pod's value of each key to the selector, and refuses a key
/// that the selector has already. The guest's API server has done so; the host's would do it again. Kubernetes 1.33 does it for
/// affinity only: the keys of a spread constraint, which are not in the selector there, are for the host's scheduler.
fn leave_merged(keys: &mut Option<Vec<String>>, selector: Option<&LabelSelector>) {
    let expressions = || {
        selector
            .into_iter()
            .flat_map(|selector| selector.match_expressions.iter().flatten())
    };
    if let Some(listed) = keys {
        listed.retain(|key| expressions().all(|expression| expression.key != *key));
        if listed.is_empty() {
            *keys = None;
        }
    }
}

/// Returns the terms of pod affinity and anti-affinity, required and preferred.
fn affinity_terms(spec: &mut PodSpec) -> impl Iterator<Item = &mut PodAffinityTerm> {
    let affinity = spec.affinity.iter_mut();
    affinity.flat_map(|affinity| {
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
        near.chain(far)
    })
}

fn terms<'a>(
    required: &'a mut Option<Vec<PodAffinityTerm>>,
    preferred: &'a mut Option<Vec<WeightedPodAffinityTerm>>,
) -> impl Iterator<Item = &'a mut PodAffinityTerm> {
    let preferred = preferred.iter_mut().flatten();
    let preferred = preferred.map(|weighted| &mut weighted.pod_affinity_term);
    required.iter_mut().flatten().chain(preferred)
}

/// Replaces guest namespaces that a term names or selects by their host namespaces, and by no others.
fn name_namespaces(term: &mut PodAffinityTerm, tenant: &Tenant) {
    for namespace in term.namespaces.iter_mut().flatten() {
        *namespace = tenant.host_namespace(namespace);
    }
    if let Some(selector) = &mut term.namespace_selector {
        selectors::translate(selector, tenant);
    }
}
