//! RE, continued: the operations that continue under too much load. These scenarios run alone.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use rstest::rstest;
use scenarios::busy::keep_busy;
use scenarios::eventually::{LATER, eventually};
use scenarios::pod::Pod;
use scenarios::{Environment, Outcome, Tenant};

use crate::fixtures::environment;

/// Twice the period in which the node controller checks nodes (`--node-monitor-period`).
const LOOKED_AT: SignedDuration = SignedDuration::from_secs(10);

/// A slow program does not hang, and a restart would only add to the load.
#[rstest]
#[tokio::test]
async fn re_09_nothing_is_restarted_because_the_machine_is_busy(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let tenants = environment.tenants().await?;
    let pods: Api<v1::Pod> = Api::all(environment.host().client.clone());
    let pods = pods.list(&ListParams::default()).await?;
    let pods: Vec<_> = pods.iter().map(Pod::from).filter(|pod| !pod.is_going).collect();
    // The control planes, the platform and the apps are among them.
    let control_planes = tenants.iter().map(Tenant::namespace);
    for part in control_planes.chain(["dapr-system", "shared-dapr", "kube-system"]) {
        assert!(pods.iter().any(|pod| pod.namespace == part), "{part}: {pods:?}");
    }
    assert_eq!(
        ended(&environment, &pods)?,
        Vec::<String>::new(),
        "the probe sees them"
    );

    let load = keep_busy(&environment).await?;
    let since = Timestamp::now();

    assert!(load > 25.0, "a load of {load} says nothing");
    assert_eq!(ended(&environment, &pods)?, Vec::<String>::new());
    for tenant in tenants {
        tenant.works_again().await?;
    }
    has_settled(&environment, &pods, since).await?;
    assert_eq!(ended(&environment, &pods)?, Vec::<String>::new());
    Ok(())
}

/// Waits until pods are ready that were ready before the load.
///
/// If a node's lease is late, the node controller marks the node as not ready, also right when the load ends. Then no
/// Service routes to its pods until its kubelet reports. So this function waits until the kubelets have renewed their
/// leases long enough after the load for the controller to see it.
async fn has_settled(environment: &Environment, before: &[Pod], since: Timestamp) -> anyhow::Result<()> {
    let client = &environment.host().client;
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let pods: Api<v1::Pod> = Api::all(client.clone());
    let were_ready: BTreeSet<_> = before
        .iter()
        .filter(|pod| pod.is_ready)
        .map(|pod| pod.uid.as_str())
        .collect();
    eventually("nodes and pods to be ready again", LATER, || async {
        let leases = leases.list(&ListParams::default()).await?;
        let is_late = |lease: &&Lease| {
            let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
            renewed.is_none_or(|renewed| renewed.0.duration_since(since) < LOOKED_AT)
        };
        let late = leases.iter().filter(is_late);
        let late = late.map(|lease| format!("the lease of {}", lease.name_any()));
        let pods = pods.list(&ListParams::default()).await?;
        let unready = pods
            .iter()
            .map(Pod::from)
            .filter(|pod| were_ready.contains(pod.uid.as_str()) && !pod.is_ready);
        let unready = unready.map(|pod| format!("pod {}/{}", pod.namespace, pod.name));
        let missing: Vec<String> = late.chain(unready).collect();
        Ok(if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("not yet: {}", missing.join(", ")))
        })
    })
    .await
}

/// Returns the containers of these pods that do not run any more. It looks for their processes, because a kubelet
/// that had to wait for a processor reports a restart late.
fn ended(environment: &Environment, pods: &[Pod]) -> anyhow::Result<Vec<String>> {
    let members = sandbox::members(environment.name())?;
    let running: BTreeSet<_> = members
        .values()
        .filter_map(|group| group.file_name()?.to_str())
        .collect();
    let containers = pods
        .iter()
        .flat_map(|pod| pod.ids.iter().map(move |(container, id)| (pod, container, id)));
    let ended = containers.filter(|(.., id)| !running.contains(id.as_str()));
    Ok(ended
        .map(|(pod, container, _)| format!("{container} of {}/{}", pod.namespace, pod.name))
        .collect())
}
