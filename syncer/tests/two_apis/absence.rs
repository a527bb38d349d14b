//! Changes while the host's API is down are synced when it is back.

use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use rstest::rstest;
use serde_json::json;

use crate::rig::{Link, Refusal, Tenant, VALUE, component};

/// Time to catch up: a client that was refused for long tries again after half a minute or a minute.
const CAUGHT_UP: Budget = Budget {
    at_most: Duration::from_mins(2),
    every: Duration::from_millis(20),
};

#[rstest]
#[case::silent(Link::Silent)]
#[case::refusing(Link::Closed)]
#[tokio::test]
async fn a_host_that_is_away_for_10_s_misses_nothing(#[case] away: Link) {
    misses_nothing(away, Duration::from_secs(10)).await;
}

#[rstest]
#[case::silent_60_s(Link::Silent, 60)]
#[case::refusing_60_s(Link::Closed, 60)]
#[case::silent_300_s(Link::Silent, 300)]
#[case::refusing_300_s(Link::Closed, 300)]
#[ignore = "takes minutes, in which nothing happens"]
#[tokio::test]
async fn a_host_that_is_away_for_minutes_misses_nothing(#[case] away: Link, #[case] seconds: u64) {
    misses_nothing(away, Duration::from_secs(seconds)).await;
}

/// The syncer is the same process all the time, deletes nothing of its own accord, and catches up.
#[expect(
    clippy::disallowed_methods,
    reason = "how long the host is away is what this is about"
)]
async fn misses_nothing(away: Link, time: Duration) {
    let mut tenant = Tenant::new("away").await;
    tenant.stop().await;
    let proxy = tenant.through_proxy().await;
    tenant.start().await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    for name in ["kept", "changed", "deleted"] {
        guest.create(component(name, "before")).await;
    }
    let kept = host.shows("Component", "kept", VALUE, "before").await;
    host.shows("Component", "changed", VALUE, "before").await;
    host.shows("Component", "deleted", VALUE, "before").await;

    proxy.is(away);
    guest.create(component("created", "meanwhile")).await;
    guest.create(component("passing", "meanwhile")).await;
    guest
        .merge("Component", "changed", &json!({"spec": {"version": "v2"}}))
        .await;
    guest.delete("Component", "deleted").await;
    guest.delete("Component", "passing").await;
    tokio::time::sleep(time).await;
    let mut there = host.names("Component").await;
    assert_eq!(there, ["changed", "deleted", "kept"]);
    there = guest.names("Component").await;
    assert_eq!(there, ["changed", "created", "kept"]);
    proxy.is(Link::Open);

    wait::until("the host to be caught up with", CAUGHT_UP, || async {
        let there = host.names("Component").await;
        Ok::<_, Refusal>(if there == ["changed", "created", "kept"] {
            Seen::Ready(())
        } else {
            Seen::NotYet(format!("{there:?}"))
        })
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
    host.shows("Component", "created", VALUE, "meanwhile").await;
    host.shows("Component", "changed", "/spec/version", "v2").await;
    assert_eq!(host.get("Component", "kept").await, Some(kept));
    assert_eq!(host.names("Component").await, ["changed", "created", "kept"]);
    tenant.stop().await;
}
