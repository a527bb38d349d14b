//! RE, continued: what goes on when there is too much to do. These run alone.

use std::collections::BTreeSet;

use harness::sandbox;
use k8s_openapi::api::core::v1;
use kube::api::{Api, ListParams};
use rstest::rstest;
use scenarios::busy::keep_busy;
use scenarios::pod::Pod;
use scenarios::{Environment, Outcome, Tenant};

use crate::cast::environment;

/// A program that is slow is not one that hangs: a restart would only add to the load.
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

    assert!(load > 25.0, "a load of {load} says nothing");
    assert_eq!(ended(&environment, &pods)?, Vec::<String>::new());
    for tenant in tenants {
        tenant.works_again().await?;
    }
    assert_eq!(ended(&environment, &pods)?, Vec::<String>::new());
    Ok(())
}

/// Returns which containers of these pods do not run any more. It looks for their processes: a kubelet that had to wait for a
/// processor tells of a restart late.
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
