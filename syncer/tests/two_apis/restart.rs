//! Changes while the syncer is down are synced when it is back.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use provision::wait::{self, Seen};
use rstest::rstest;
use serde_json::json;

use crate::rig::{Refusal, SOON, Side, Tenant, VALUE, component, namespace};

/// The end of a syncer.
#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Killed,
}

#[rstest]
#[case::stopped(End::Stopped)]
#[case::killed(End::Killed)]
#[tokio::test]
async fn changes_while_the_syncer_was_down_are_synced(#[case] end: End) {
    let mut tenant = Tenant::new("restarted").await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    let mut before = Vec::new();
    for name in [
        "same",
        "changed",
        "deleted",
        "made-again",
        "edited-on-host",
        "deleted-on-host",
    ] {
        guest.create(component(name, "1")).await;
        before.push(host.shows("Component", name, VALUE, "1").await);
    }
    match end {
        End::Stopped => tenant.stop().await,
        End::Killed => tenant.kill().await,
    }

    guest.create(component("created", "2")).await;
    let two = json!({"spec": component("changed", "2")["spec"]});
    guest.merge("Component", "changed", &two).await;
    guest.delete("Component", "deleted").await;
    guest.delete("Component", "made-again").await;
    guest.create(component("made-again", "2")).await;
    let edit = json!({"spec": component("edited-on-host", "theirs")["spec"]});
    host.merge("Component", "edited-on-host", &edit).await;
    host.delete("Component", "deleted-on-host").await;
    tenant.start().await;

    for (name, value) in [
        ("created", "2"),
        ("changed", "2"),
        ("made-again", "2"),
        ("edited-on-host", "1"),
        ("deleted-on-host", "1"),
        ("same", "1"),
    ] {
        host.shows("Component", name, VALUE, value).await;
    }
    host.until_gone("Component", "deleted").await;
    let again = guest.get("Component", "made-again").await.expect("it is there");
    let uid = "/metadata/annotations/vcluster.loft.sh~1object-uid";
    host.shows("Component", "made-again", uid, again["metadata"]["uid"].clone())
        .await;
    let same = host.get("Component", "same").await.expect("it is there");
    assert_eq!(same["metadata"]["uid"], before[0]["metadata"]["uid"]);
}

/// A mirror that a syncer created before it was killed, and that is still empty.
#[tokio::test]
async fn a_syncer_killed_between_two_writes_makes_the_second_when_it_comes_back() {
    let mut tenant = Tenant::new("between").await;
    tenant.kill().await;
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    let made = guest.create(namespace("half")).await;
    let mirror = tenant.host_namespace("half");
    let sibling = host.get("Namespace", &tenant.host_namespace("default")).await;
    let mut metadata = json!({"name": mirror, "labels": sibling.expect("it is there")["metadata"]["labels"]});
    metadata["labels"]["kubernetes.io/metadata.name"] = json!(mirror);
    metadata["annotations"] = json!({
        "vcluster.loft.sh/object-name": "half",
        "vcluster.loft.sh/object-uid": made["metadata"]["uid"],
        "vcluster.loft.sh/managed-labels": "kubernetes.io/metadata.name\nvcluster.loft.sh/managed-by\nvcluster.loft.sh/vcluster-name\nvcluster.loft.sh/vcluster-namespace",
    });
    host.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        .await;
    guest.within("half").create(component("store", "1")).await;
    tenant.start().await;
    host.within(&mirror).shows("Component", "store", VALUE, "1").await;
}

#[tokio::test]
async fn a_namespace_that_went_while_the_syncer_was_down_takes_its_mirror_with_it() {
    let mut tenant = Tenant::new("restarted").await;
    let guest = tenant.guest().await;
    guest.create(namespace("going")).await;
    let space = tenant.space("going").await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    tenant.kill().await;
    guest.delete("Namespace", "going").await;
    // Once the guest's own controller has emptied it, nothing but the syncer's finalizer keeps it.
    let emptied = async || {
        let namespace = guest.get("Namespace", "going").await;
        let emptied = namespace.is_none_or(|namespace| namespace["spec"]["finalizers"].is_null());
        Ok::<_, Refusal>(if emptied {
            Seen::Ready(())
        } else {
            Seen::not_yet("it is not")
        })
    };
    wait::until("the namespace to be emptied", SOON, emptied)
        .await
        .expect("it is");
    tenant.start().await;
    space
        .host
        .everywhere()
        .until_gone("Namespace", space.host.namespace())
        .await;
    guest.until_gone("Namespace", "going").await;
}

#[tokio::test]
async fn a_namespace_with_a_finalizer_while_the_syncer_was_down_is_deleted_in_the_end() {
    let mut tenant = Tenant::new("restarted").await;
    let guest = tenant.guest().await;
    guest.create(namespace("going")).await;
    let space = tenant.space("going").await;
    let mut held = component("store", "2");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    space.guest.create(held).await;
    space.host.shows("Component", "store", VALUE, "2").await;
    tenant.stop().await;
    guest.delete("Namespace", "going").await;
    space
        .guest
        .sees("Component", "store", "going", |found| {
            found["metadata"].get("deletionTimestamp").cloned()
        })
        .await;
    tenant.start().await;
    space.host.until_gone("Component", "store").await;
    let release = json!({"metadata": {"finalizers": null}});
    space.guest.merge("Component", "store", &release).await;
    space
        .host
        .everywhere()
        .until_gone("Namespace", space.host.namespace())
        .await;
    guest.until_gone("Namespace", "going").await;
}

#[tokio::test]
async fn a_syncer_killed_amid_a_hundred_creations_and_deletions_loses_none() {
    let mut tenant = Tenant::new("killed").await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    let wanted: BTreeSet<String> = (0..100).map(|number| format!("store-{number}")).collect();

    let making = async {
        let each = stream::iter(&wanted).map(|name| guest.create(component(name, name.as_str())));
        each.buffer_unordered(4).collect::<Vec<_>>().await
    };
    let killing = async {
        until_between(host, 20, 80).await;
        tenant.kill().await;
    };
    futures::join!(making, killing);
    assert_ne!(on_host(host).await, wanted);
    tenant.start().await;
    until_exactly(host, &wanted).await;
    for found in host.list("Component").await {
        assert_eq!(found.pointer(VALUE), Some(&found["metadata"]["name"]));
    }

    let deleting = async {
        let each = stream::iter(&wanted).map(|name| guest.delete("Component", name));
        each.buffer_unordered(4).collect::<Vec<_>>().await
    };
    let killing = async {
        until_between(host, 20, 80).await;
        tenant.kill().await;
    };
    futures::join!(deleting, killing);
    assert_ne!(on_host(host).await, BTreeSet::new());
    tenant.start().await;
    until_exactly(host, &BTreeSet::new()).await;
}

async fn on_host(host: &Side) -> BTreeSet<String> {
    host.names("Component").await.into_iter().collect()
}

/// Waits until the host has a number of Components in this range.
pub(crate) async fn until_between(host: &Side, least: usize, most: usize) {
    wait::until("some of the Components on the host", SOON, || async {
        let there = on_host(host).await.len();
        Ok::<_, Refusal>(if (least..=most).contains(&there) {
            Seen::Ready(())
        } else {
            Seen::NotYet(format!("{there}"))
        })
    })
    .await
    .expect("they come one after another");
}

/// Waits until the host has exactly these Components.
pub(crate) async fn until_exactly(host: &Side, wanted: &BTreeSet<String>) {
    wait::until("exactly the Components that are wanted", SOON, || async {
        let there = on_host(host).await;
        Ok::<_, Refusal>(if there == *wanted {
            Seen::Ready(())
        } else {
            Seen::NotYet(format!("{there:?}"))
        })
    })
    .await
    .expect("they come and go");
}
