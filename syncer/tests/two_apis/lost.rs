//! The end in the guest of pods that the host loses, and of objects that wait for it.

use provision::wait::{self, Seen};
use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{condition, going, made, pod, run_on, stopped};
use crate::rig::{NamespacePair, Refusal, SOON, Side, Tenant, namespace, unique};

/// A state of the syncer while a pod goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syncer {
    Watches,
    IsFrozen,
    IsStopped,
    IsKilled,
}

impl Syncer {
    async fn before(self, tenant: &mut Tenant) {
        match self {
            Self::Watches => {}
            Self::IsFrozen => tenant.freeze(),
            Self::IsStopped => tenant.stop().await,
            Self::IsKilled => tenant.kill().await,
        }
    }

    async fn after(self, tenant: &mut Tenant) {
        match self {
            Self::Watches => {}
            Self::IsFrozen => tenant.thaw(),
            Self::IsStopped | Self::IsKilled => tenant.start().await,
        }
    }
}

#[rstest]
#[case::while_the_syncer_watches(Syncer::Watches)]
#[case::while_the_syncer_is_frozen(Syncer::IsFrozen)]
#[case::while_the_syncer_is_stopped(Syncer::IsStopped)]
#[case::while_the_syncer_is_killed(Syncer::IsKilled)]
#[tokio::test]
async fn a_pod_that_is_removed_from_the_host_by_force_has_failed_by_a_disruption(#[case] syncer: Syncer) {
    let mut tenant = Tenant::new("lost").await;
    let space = tenant.space("default").await;
    for name in ["app", "deleted"] {
        running(&space, name).await;
    }
    space.guest.delete("Pod", "deleted").await;
    space.host.sees("Pod", "deleted", "going", going).await;
    syncer.before(&mut tenant).await;
    stopped(&space.host, "app").await;
    stopped(&space.host, "deleted").await;
    syncer.after(&mut tenant).await;

    let lost = has_ended(&space.guest, "app", "Failed").await;
    assert_eq!(lost["status"]["reason"], "LostOnHost");
    assert_eq!(condition(&lost, "DisruptionTarget"), Some("True"));
    // What the tenant has deleted itself was not disrupted.
    let lost = has_ended(&space.guest, "deleted", "Failed").await;
    assert_eq!(condition(&lost, "DisruptionTarget"), None);
    for name in ["app", "deleted"] {
        release(&space.guest, name).await;
    }
}

#[rstest]
#[case::it_succeeded(json!({"phase": "Succeeded"}), "Succeeded", None)]
#[case::its_node_is_gone(
    json!({"phase": "Failed", "reason": "NodeGone", "conditions": [{"type": "DisruptionTarget", "status": "True"}]}),
    "Failed",
    Some("True"),
)]
#[tokio::test]
async fn what_the_host_says_last_is_shown_even_if_the_pod_is_gone_by_then(
    #[case] last: Value,
    #[case] phase: &str,
    #[case] disrupted: Option<&str>,
) {
    let tenant = Tenant::new("last").await;
    let space = tenant.space("default").await;
    running(&space, "app").await;
    tenant.freeze();
    space.host.merge_status("Pod", "app", &last).await;
    stopped(&space.host, "app").await;
    tenant.thaw();
    let ended = has_ended(&space.guest, "app", phase).await;
    assert_eq!(ended["status"]["reason"], last["reason"]);
    assert_eq!(condition(&ended, "DisruptionTarget"), disrupted);
    release(&space.guest, "app").await;
}

#[tokio::test]
async fn the_pods_of_a_namespace_that_is_deleted_on_the_host_end() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    running(&space, "app").await;
    host.everywhere().delete("Namespace", host.namespace()).await;
    host.sees("Pod", "app", "going", going).await;
    stopped(host, "app").await;
    let ended = has_ended(guest, "app", "Failed").await;
    assert_eq!(condition(&ended, "DisruptionTarget"), Some("True"));
    release(guest, "app").await;
    // The namespace comes back, and with it what is in it.
    guest.create(pod("app")).await;
    host.appears("Pod", "app").await;
}

#[tokio::test]
async fn a_job_that_replaces_failed_pods_alone_replaces_one_that_the_host_lost() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.appears("ServiceAccount", "default").await;
    guest.create(job("work", &pod("app")["spec"])).await;
    let first = next_pod(guest, &[]).await;
    host.appears("Pod", &first).await;
    run_on(host, &first, &unique("node")).await;
    guest.shows("Pod", &first, "/status/phase", "Running").await;
    stopped(host, &first).await;
    let second = next_pod(guest, &[&first]).await;
    host.appears("Pod", &second).await;
    guest.shows("Job", "work", "/status/failed", 1).await;
    guest.until_gone("Pod", &first).await;

    run_on(host, &second, &unique("node")).await;
    guest.shows("Pod", &second, "/status/phase", "Running").await;
    let everywhere = guest.everywhere();
    everywhere.delete("Namespace", guest.namespace()).await;
    host.sees("Pod", &second, "going", going).await;
    stopped(host, &second).await;
    everywhere.until_gone("Namespace", guest.namespace()).await;
}

#[tokio::test]
async fn a_namespace_whose_jobs_pods_never_started_is_deleted() {
    let space = NamespacePair::shared().await;
    let guest = &space.guest;
    guest.appears("ServiceAccount", "default").await;
    let mut template = pod("app")["spec"].clone();
    template["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "missing"}}]);
    guest.create(job("work", &template)).await;
    let waiting = next_pod(guest, &[]).await;
    guest
        .has_event("Pod", &waiting, "is not in this virtual cluster")
        .await;
    let everywhere = guest.everywhere();
    everywhere.delete("Namespace", guest.namespace()).await;
    everywhere.until_gone("Namespace", guest.namespace()).await;
}

/// The host has no namespace for it, so nothing of it is there, and the syncer can't know its contents.
#[tokio::test]
async fn a_namespace_that_the_host_never_had_is_deleted() {
    let values = format!(
        "{}\ndefaults: {{policies: {{namespaces: 4}}}}\n",
        provision::values::BLOG
    );
    let tenant = Tenant::with_values("full", &values).await;
    let everywhere = tenant.guest().await;
    everywhere.create(namespace("fifth")).await;
    let guest = everywhere.within("fifth");
    guest.appears("ServiceAccount", "default").await;
    guest.create(job("work", &pod("app")["spec"])).await;
    next_pod(&guest, &[]).await;
    everywhere
        .has_event("Namespace", "fifth", "not created on the host")
        .await;
    everywhere.delete("Namespace", "fifth").await;
    everywhere.until_gone("Namespace", "fifth").await;
}

/// Runs a pod with a finalizer in the guest.
async fn running(space: &NamespacePair, name: &str) {
    let mut kept = pod(name);
    kept["metadata"]["finalizers"] = json!(["example.com/look"]);
    made(&space.guest, kept).await;
    space.host.appears("Pod", name).await;
    run_on(&space.host, name, &unique("node")).await;
    space.guest.shows("Pod", name, "/status/phase", "Running").await;
}

/// Waits until a pod is being deleted in this phase.
async fn has_ended(guest: &Side, name: &str, phase: &str) -> Value {
    let what = format!("{phase} and going");
    guest
        .sees("Pod", name, &what, |found| {
            going(found).filter(|found| found["status"]["phase"] == phase)
        })
        .await
}

/// Removes the finalizer of a pod, which is gone then.
async fn release(guest: &Side, name: &str) {
    guest
        .merge("Pod", name, &json!({"metadata": {"finalizers": null}}))
        .await;
    guest.until_gone("Pod", name).await;
}

fn job(name: &str, template: &Value) -> Value {
    let mut template = template.clone();
    template["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 4, "podReplacementPolicy": "Failed", "template": {"spec": template}},
    })
}

/// Waits until a namespace has a pod besides these, and returns its name.
async fn next_pod(guest: &Side, known: &[&str]) -> String {
    wait::until("a job's pod", SOON, || async {
        let mut there = guest.names("Pod").await;
        there.retain(|name| !known.contains(&name.as_str()));
        Ok::<_, Refusal>(match there.pop() {
            Some(name) => Seen::Ready(name),
            None => Seen::NotYet(format!("{:?}", guest.list("Job").await)),
        })
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"))
}
