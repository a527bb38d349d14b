//! SY, continued: actions in a tenant's pods, with nothing but the tenant's own kubeconfig.

use harness::platform::redis;
use provision::values;
use rstest::rstest;
use scenarios::dns::Answer;
use scenarios::eventually::{LATER, SOON, becomes};
use scenarios::invariants::Invariants;
use scenarios::pod::SIDECAR;
use scenarios::{Component, DebugPod, Environment, Outcome, Pair, Tenant, eventually};

use crate::fixtures::{environment, pair, tenant};

#[rstest]
#[tokio::test]
async fn sy_16_a_log_is_followed(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-16-log").await?;
    let toolbox = DebugPod::start(&space).await?;
    let mut log = toolbox.follow().await?;
    assert_eq!(log.line().await?.as_deref(), Some("started"));

    toolbox.write("later").await?;

    assert_eq!(log.line().await?.as_deref(), Some("later"));
    assert_eq!(toolbox.log().await?, "started\nlater\n");
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// A size that exceeds every buffer on the way.
const MUCH: usize = 1_000_000;

#[rstest]
#[tokio::test]
async fn sy_16_what_is_given_to_a_command_comes_back(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-16-exec").await?;
    let toolbox = DebugPod::start(&space).await?;
    let given: Vec<u8> = (0..=u8::MAX).cycle().take(MUCH).collect();

    let back = toolbox.run(&["head", "-c", &MUCH.to_string()], &given).await?;

    assert!(back == given, "{} bytes came back as they were", back.len());
    let said = toolbox.run(&["echo", "a&b=c", "d e", "%41"], &[]).await?;
    assert_eq!(String::from_utf8_lossy(&said), "a&b=c d e %41\n");
    let failed = toolbox.run(&["sh", "-c", "exit 7"], &[]).await.unwrap_err();
    assert!(format!("{failed:#}").contains("exit code 7"), "{failed:#}");
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_16_a_file_is_copied_in_and_out(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-16-cp").await?;
    let toolbox = DebugPod::start(&space).await?;
    toolbox.run(&["sh", "-c", "echo kept > /tmp/one"], &[]).await?;

    // The same requests as `kubectl cp`, out and in again.
    let archive = toolbox.run(&["tar", "cf", "-", "-C", "/tmp", "one"], &[]).await?;
    toolbox.run(&["sh", "-c", "mkdir /tmp/copy"], &[]).await?;
    toolbox
        .run(&["tar", "xmf", "-", "-C", "/tmp/copy"], &archive)
        .await?;

    let kept = toolbox.run(&["cat", "/tmp/copy/one"], &[]).await?;
    assert_eq!(String::from_utf8_lossy(&kept), "kept\n");
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_16_who_attaches_sees_what_is_written(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-16-attach").await?;
    let toolbox = DebugPod::start(&space).await?;
    toolbox.attached_sees("later").await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_16_a_container_added_to_debug_is_talked_to(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-16-debug").await?;
    let toolbox = DebugPod::start(&space).await?;

    let debugger = toolbox.debug(&space).await?;

    let told = debugger.output_of_attaching("echo $((6 * 7))").await?;
    assert_eq!(told.as_deref(), Some("42"));
    let said = debugger.run(&["/bin/busybox", "echo", "here"], &[]).await?;
    assert_eq!(String::from_utf8_lossy(&said), "here\n");
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_13_a_running_pod_is_resized(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-13-resize").await?;
    let toolbox = DebugPod::start(&space).await?;
    let before = space.guest().pods().await?;

    toolbox.resize("20m").await?;

    let host = toolbox.on(space.host());
    for (side, its) in [(space.host(), &host), (space.guest(), &toolbox)] {
        becomes(
            format!("what the toolbox has in {side}"),
            LATER,
            Some("20m".to_owned()),
            || its.processor(),
        )
        .await?;
    }
    assert_eq!(space.guest().pods().await?, before, "nothing was started again");
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// A `QUIT`, which Redis answers for any client, known or not.
const FAREWELL: &str = "printf 'QUIT\\r\\n' | nc -w 10 $0 $1";

#[rstest]
#[tokio::test]
async fn sy_17_a_pod_reaches_a_service_of_the_host(#[future(awt)] environment: Environment) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let (service, namespace) = (redis::SERVICE, redis::NAMESPACE);
    let mapping =
        format!("mapServices: {{fromHost: [{{from: {namespace}/{service}, to: default/house}}]}}\n");
    let values = values::BLOG.replace("fallbackHostDns: true", "fallbackHostDns: false") + &mapping;
    let tenant = environment.make_tenant("sy-17", values).await?;
    let address = environment.address_of(service, namespace).await?;

    let dns = tenant.dns().await?;
    eventually("the guest's name for it", SOON, || async {
        let answer = dns.ask("house.default.svc.cluster.local").await?;
        let expected = Answer::Addresses(vec![address]);
        Ok((answer == expected)
            .then_some(())
            .ok_or_else(|| format!("{answer:?}")))
    })
    .await?;
    let toolbox = DebugPod::start(&tenant.default_space()).await?;
    let (address, port) = (address.to_string(), redis::PORT.to_string());
    let farewell = toolbox.run(&["sh", "-c", FAREWELL, &address, &port], &[]).await?;

    environment.remove_tenant(tenant).await?;
    assert_eq!(String::from_utf8_lossy(&farewell), "+OK\r\n");
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_16_an_apps_port_answers_and_its_sidecar_stays_hidden(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.default_space();
    let pod = space.guest().pod_of("write-app").await?;
    let app = DebugPod::of(space.guest(), &pod.name, "write-app");
    let answer = app.get(8080, "/healthz").await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // The container exists, and writes a log.
    let theirs = DebugPod::of(space.host(), &pod.name, SIDECAR);
    assert!(theirs.log().await?.contains("dapr"));
    let ours = DebugPod::of(space.guest(), &pod.name, SIDECAR);
    let refused = ours.log().await.unwrap_err();
    assert!(
        format!("{refused:#}").contains("is not valid for pod"),
        "{refused:#}"
    );
    let refused = ours.run(&["/daprd", "--version"], &[]).await.unwrap_err();
    assert!(format!("{refused:#}").contains("400"), "{refused:#}");
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_16_a_tenant_gets_into_its_own_pods_only(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let (ours, theirs) = (
        pair.ours.new_space("sy-16-pair").await?,
        pair.theirs.new_space("sy-16-pair").await?,
    );
    assert_eq!(ours.guest().namespace(), theirs.guest().namespace());
    let secret = DebugPod::start(&ours).await?;
    secret.run(&["sh", "-c", "echo ours > /tmp/secret"], &[]).await?;

    // The other tenant has no such pod, although the host has one of that name.
    let same = DebugPod::of(theirs.guest(), "toolbox", "toolbox");
    assert!(same.log().await.is_err());
    assert!(same.run(&["cat", "/tmp/secret"], &[]).await.is_err());
    // If the other tenant has a pod of that name, it gets its own.
    let own = DebugPod::start(&theirs).await?;
    let seen = own
        .run(&["sh", "-c", "cat /tmp/secret || echo nothing"], &[])
        .await?;
    assert_eq!(String::from_utf8_lossy(&seen), "nothing\n");

    // The network does not reach the port, although it reaches the pod.
    let control_plane = pair.ours.control_plane_address().await?;
    assert!(secret.reaches(&control_plane, 6443).await?);
    assert!(!secret.reaches(&control_plane, 10250).await?);
    ours.remove().await?;
    theirs.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_06_an_added_container_does_not_lead_to_the_sidecar_of_its_name(
    #[future(awt)] tenant: Tenant,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("is-06").await?;
    let store = Component::with_user(tenant.name(), &tenant.login().await?);
    space.guest().apply(&store).await?;
    space.host().has(&store).await?;
    space.deploy_write_app().await?;
    let pod = space.guest().pod_of("write-app").await?;
    let app = DebugPod::of(space.guest(), &pod.name, "write-app");

    app.add(&space, SIDECAR).await?;

    eventually(format!("{SIDECAR} not to be the tenant's"), SOON, || async {
        let reason = space.guest().waits_for(&pod.name, SIDECAR).await?;
        Ok((reason.as_deref() == Some("NameTaken"))
            .then_some(())
            .ok_or_else(|| format!("{reason:?}")))
    })
    .await?;
    let added = DebugPod::of(space.guest(), &pod.name, SIDECAR);
    let log = added.log().await;
    assert!(log.is_err(), "{log:?}");
    let ran = added.run(&["/daprd", "--version"], &[]).await;
    assert!(ran.is_err(), "{ran:?}");
    // The host's administrator reaches it.
    assert!(added.on(space.host()).log().await?.contains("dapr"));
    // And a container of another name is the tenant's.
    let debugger = app.debug(&space).await?;
    let said = debugger.run(&["/bin/busybox", "echo", "here"], &[]).await?;
    assert_eq!(String::from_utf8_lossy(&said), "here\n");
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// The internal ports of a control plane: etcd, etcd's metrics, and the kubelet API.
const OWN_PORTS: [u16; 4] = [2379, 2380, 2381, 10250];

/// Requests a path at the port of the syncer's probes, and prints the first line of the answer.
const REQUEST: &str = r#"
    export ASKED="$0"
    nc "$1" 8080 -e sh -c 'printf "GET $ASKED HTTP/1.0\r\n\r\n"; head -n 1 > /tmp/said'
    tr -d '\r' < /tmp/said
"#;

#[rstest]
#[tokio::test]
async fn is_30_a_control_plane_says_nothing_to_other_tenants(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let space = pair.ours.new_space("is-30").await?;
    let toolbox = DebugPod::start(&space).await?;
    for tenant in [&pair.ours, &pair.theirs] {
        let control_plane = tenant.control_plane_address().await?;
        // The control: the port that authenticates its callers can be reached.
        assert!(toolbox.reaches(&control_plane, 6443).await?);
        for port in OWN_PORTS {
            let reached = toolbox.reaches(&control_plane, port).await?;
            assert!(!reached, "port {port} of {}", tenant.name());
        }
        // This port serves the kubelet's probes, and no metrics.
        let status = async |path: &str| {
            let said = toolbox
                .run(&["sh", "-c", REQUEST, path, &control_plane], &[])
                .await?;
            let said = String::from_utf8_lossy(&said).into_owned();
            anyhow::Ok(said.lines().next().unwrap_or_default().to_owned())
        };
        assert_eq!(status("/healthz").await?, "HTTP/1.0 200 OK");
        assert_eq!(status("/metrics").await?, "HTTP/1.0 404 Not Found");
    }
    space.remove().await?;
    invariants.assert_unchanged().await
}
