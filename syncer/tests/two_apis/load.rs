//! High load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use serde_json::json;

use crate::restart::until_exactly;
use crate::rig::{NamespacePair, Side, Tenant, VALUE, component};

/// The number of a tenant's clients that write fast.
const HURRIED: usize = 8;

/// Minimum number of times that each of them creates two Components; they go on until the other tenant has had its turn.
const ROUNDS: usize = 6;

/// Maximum number of times, if the other tenant is delayed.
const AT_MOST: usize = 60;

/// The number of Components of another tenant.
const OF_OTHERS: usize = 100;

#[tokio::test]
async fn a_tenant_with_many_changes_delays_no_other_and_loses_nothing() {
    let tenant = Tenant::new("hurried").await;
    let hurried = tenant.space("default").await;
    let other = NamespacePair::shared().await;
    let (over, meanwhile) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (guest, turns) = (&hurried.guest, &meanwhile);
    let hurrying = async {
        let clients = stream::iter(0..HURRIED).map(|client| async move {
            let mut kept = BTreeSet::new();
            for round in 0..AT_MOST {
                if round >= ROUNDS && turns.load(Ordering::Relaxed) > 1 {
                    break;
                }
                kept.insert(come_and_go(guest, &format!("{client}-{round}")).await);
            }
            kept
        });
        let kept: Vec<BTreeSet<String>> = clients.buffer_unordered(HURRIED).collect().await;
        over.store(true, Ordering::Relaxed);
        kept
    };
    let taking_its_time = async {
        while !over.load(Ordering::Relaxed) {
            let name = format!("quiet-{}", meanwhile.load(Ordering::Relaxed));
            other.guest.create(component(&name, "1")).await;
            other.host.shows("Component", &name, VALUE, "1").await;
            other.guest.delete("Component", &name).await;
            other.host.until_gone("Component", &name).await;
            meanwhile.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (kept, ()) = futures::join!(hurrying, taking_its_time);
    // The last of these may have come when the others were done.
    assert!(meanwhile.load(Ordering::Relaxed) > 1, "{meanwhile:?}");
    let kept = kept.into_iter().flatten().collect();
    until_exactly(&hurried.host, &kept).await;
    for found in hurried.host.list("Component").await {
        assert_eq!(found.pointer(VALUE), Some(&json!("changed")));
    }
}

/// So a syncer's time and memory do not depend on the number of other tenants and their objects.
#[tokio::test]
async fn a_syncer_knows_and_looks_at_nothing_of_other_tenants() {
    const KNOWN: &str = r#"syncer_objects{side="host",controller="export of Component"}"#;
    const LOOKED: &str = r#"syncer_reconcile_total{controller="export of Component",outcome="success"}"#;
    let tenant = Tenant::new("alone").await;
    let space = tenant.space("default").await;
    space.guest.create(component("first", "1")).await;
    space.host.shows("Component", "first", VALUE, "1").await;
    tenant.counts(KNOWN, 1).await;
    let before = tenant.counted(LOOKED).await;

    let others = NamespacePair::shared().await;
    let guest = &others.guest;
    let names: BTreeSet<String> = (0..OF_OTHERS).map(|number| format!("theirs-{number}")).collect();
    stream::iter(&names)
        .for_each_concurrent(HURRIED, |name| async move {
            guest.create(component(name, "1")).await;
        })
        .await;
    until_exactly(&others.host, &names).await;

    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
    tenant.counts(KNOWN, 2).await;
    let looked = tenant.counted(LOOKED).await - before;
    assert!((1..10).contains(&looked), "{looked}");
}

/// Creates and changes two Components and deletes one of them; returns the name of the other.
async fn come_and_go(guest: &Side, stem: &str) -> String {
    let (stays, goes) = (format!("stays-{stem}"), format!("goes-{stem}"));
    for name in [&stays, &goes] {
        guest.create(component(name, "made")).await;
        let changed = json!({"spec": component(name, "changed")["spec"]});
        guest.merge("Component", name, &changed).await;
    }
    guest.delete("Component", &goes).await;
    stays
}
