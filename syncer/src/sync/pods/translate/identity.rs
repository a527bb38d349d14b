//! Whom the pod acts as, and where it may run.

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec};

use super::Surroundings;
use crate::naming::Tenant;

/// Gives the pod the tenant's workload account, without a token of the host, and leaves the choice of the node to
/// the host's scheduler.
pub(super) fn translate(spec: &mut PodSpec, surroundings: &Surroundings<'_>) {
    spec.service_account_name = Some(surroundings.tenant.workload_service_account());
    spec.service_account = None;
    spec.automount_service_account_token = Some(false);
    spec.enable_service_links = Some(false);
    spec.ephemeral_containers = None;
    // Classes are objects of the guest that the host does not know; admission there sets its own.
    spec.priority = None;
    spec.priority_class_name = None;
    spec.preemption_policy = None;
    spec.overhead = None;
    spec.scheduler_name = None;
    if let Some(node) = spec.node_name.take() {
        let selector = spec.node_selector.get_or_insert_default();
        selector.insert("kubernetes.io/hostname".to_owned(), node);
    }
    translate_affinity(spec, surroundings.tenant);
}

/// Terms that name guest namespaces name their twins on the host.
fn translate_affinity(spec: &mut PodSpec, tenant: &Tenant) {
    let Some(affinity) = &mut spec.affinity else {
        return;
    };
    let mut terms: Vec<&mut PodAffinityTerm> = Vec::new();
    if let Some(near) = &mut affinity.pod_affinity {
        terms.extend(
            near.required_during_scheduling_ignored_during_execution
                .iter_mut()
                .flatten(),
        );
        let preferred = near
            .preferred_during_scheduling_ignored_during_execution
            .iter_mut()
            .flatten();
        terms.extend(preferred.map(|weighted| &mut weighted.pod_affinity_term));
    }
    if let Some(far) = &mut affinity.pod_anti_affinity {
        terms.extend(
            far.required_during_scheduling_ignored_during_execution
                .iter_mut()
                .flatten(),
        );
        let preferred = far
            .preferred_during_scheduling_ignored_during_execution
            .iter_mut()
            .flatten();
        terms.extend(preferred.map(|weighted| &mut weighted.pod_affinity_term));
    }
    for namespace in terms
        .into_iter()
        .flat_map(|term| term.namespaces.iter_mut().flatten())
    {
        *namespace = tenant.host_namespace(namespace);
    }
}
