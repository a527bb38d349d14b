//! The service account and the classes of a pod.

use k8s_openapi::api::core::v1::PodSpec;

use super::Surroundings;

/// Sets the pod's service account to the mirror of its own or to the tenant's workload account, without a token of the host, and
/// removes the classes that the host does not show.
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
}
