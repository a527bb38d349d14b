//! The two apps as containers of their own images, each with a real Dapr sidecar, on a real Redis.
//!
//! `apps_with_dapr` tests the processes. This tests the images and the way to run them: as in
//! `manifests/workloads/app.yaml`, but with Docker. If no daemon answers, every test is ignored and says so. A
//! machine where the user is root needs no daemon:
//! `cargo harness docker -- cargo test -p harness --test apps_in_containers`.

use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Completion, Trial};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::containers::{App, Redis};
use crate::lab::Lab;

/// Redis, an app with its sidecar, and asking them.
mod containers;

/// The parts that all tests share: a daemon, its images, a network.
mod lab;

/// The command that provides a daemon.
const REMEDY: &str = "cargo harness docker -- cargo test -p harness --test apps_in_containers";

type Test = fn(Arc<Lab>) -> LocalBoxFuture<'static, ()>;

const TESTS: [(&str, Test); 7] = [
    ("what_one_container_writes_another_reads", |lab| {
        what_one_container_writes_another_reads(lab).boxed_local()
    }),
    ("an_app_that_may_do_nothing_else_does_its_work", |lab| {
        an_app_that_may_do_nothing_else_does_its_work(lab).boxed_local()
    }),
    (
        "a_request_under_way_is_answered_before_the_container_stops",
        |lab| a_request_under_way_is_answered_before_the_container_stops(lab).boxed_local(),
    ),
    ("a_sidecar_with_a_token_takes_the_right_one", |lab| {
        a_sidecar_with_a_token(lab, Some("secret"), 200, None).boxed_local()
    }),
    ("a_sidecar_with_a_token_refuses_a_wrong_one", |lab| {
        a_sidecar_with_a_token(lab, Some("guess"), 502, Some("token_refused")).boxed_local()
    }),
    ("a_sidecar_with_a_token_refuses_none", |lab| {
        a_sidecar_with_a_token(lab, None, 502, Some("token_refused")).boxed_local()
    }),
    ("redis_may_stop_and_come_back", |lab| {
        redis_may_stop_and_come_back(lab).boxed_local()
    }),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let run = Arc::new(Run::new());
    let trials = TESTS.map(|(name, test)| {
        let run = Arc::clone(&run);
        Trial::ignorable_test(name, move || Ok(run.test(test)))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.into());
    if run.left_something() {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// One run of the tests, on one runtime. The state that testcontainers keeps between the tests belongs to the
/// runtime.
struct Run {
    runtime: Runtime,
    lab: OnceCell<Result<Arc<Lab>, String>>,
}

impl Run {
    fn new() -> Self {
        Self {
            runtime: Runtime::new().expect("threads can be started"),
            lab: OnceCell::new(),
        }
    }

    fn test(&self, test: Test) -> Completion {
        self.runtime.block_on(async {
            match self.lab.get_or_init(Lab::open).await {
                Ok(lab) => {
                    test(Arc::clone(lab)).await;
                    Completion::Completed
                }
                Err(why) => Completion::ignored_with(format!("not run: {why}; {REMEDY}")),
            }
        })
    }

    /// Removes the objects that the tests shared. Objects that the tests should have removed themselves are reported,
    /// and removed too.
    #[expect(clippy::print_stderr, reason = "the tests are over, and nothing else tells")]
    fn left_something(&self) -> bool {
        let Some(Ok(lab)) = self.lab.get() else {
            return false;
        };
        let left = self.runtime.block_on(lab.close());
        for name in &left {
            eprintln!("left behind: container {name}");
        }
        !left.is_empty()
    }
}

async fn what_one_container_writes_another_reads(lab: Arc<Lab>) {
    let redis = Redis::start(&lab).await;
    let (write, read) = tokio::join!(
        App::start(&lab, "write-app", &redis),
        App::start(&lab, "read-app", &redis)
    );
    assert_eq!(read.get("/").await, (200, json!({"Values": null})));
    assert_eq!(write.post("42").await, (200, json!({"values": ["42"]})));
    assert_eq!(read.get("/").await, (200, json!({"Values": ["42"]})));
}

async fn an_app_that_may_do_nothing_else_does_its_work(lab: Arc<Lab>) {
    let redis = Redis::start(&lab).await;
    let write = App::start(&lab, "write-app", &redis).await;
    let container = write.inspect().await;
    let (host, config) = (
        container.host_config.expect("it has settings"),
        container.config.expect("it has an image"),
    );
    assert_eq!(host.readonly_rootfs, Some(true));
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    // The image's own: nobody has to ask for it.
    assert_eq!(config.user.as_deref(), Some("65532:65532"));
    assert_eq!(write.user_ids().await, ["65532"]);
    let refused = write
        .put_file("/note", "text")
        .await
        .expect_err("it is read-only");
    assert!(refused.contains("read-only"), "{refused}");
    assert_eq!(write.post("42").await, (200, json!({"values": ["42"]})));
}

async fn a_request_under_way_is_answered_before_the_container_stops(lab: Arc<Lab>) {
    let redis = Redis::start(&lab).await;
    let write = App::start_with(&lab, "write-app", &redis, &[("RUST_LOG", "service=debug")], &[]).await;
    write.becomes(200, None).await;
    write.pause_sidecar().await;
    let (answer, (), ()) = tokio::join!(
        write.post("42"),
        async {
            // Nothing else tells from outside that a request has got as far.
            write.logs("calling the sidecar").await;
            write.stop().await;
        },
        async {
            write.is_closed().await;
            write.unpause_sidecar().await;
        }
    );
    assert_eq!(answer, (200, json!({"values": ["42"]})));
    assert_eq!(write.exit_code().await, Some(0));
}

async fn a_sidecar_with_a_token(lab: Arc<Lab>, token: Option<&str>, status: u16, code: Option<&str>) {
    let redis = Redis::start(&lab).await;
    let shown: Vec<_> = token.map(|token| ("DAPR_API_TOKEN", token)).into_iter().collect();
    let wanted = [("DAPR_API_TOKEN", "secret")];
    let write = App::start_with(&lab, "write-app", &redis, &shown, &wanted).await;
    write.becomes(status, code).await;
    for answer in [write.post("42").await, write.get("/").await] {
        assert_eq!((answer.0, answer.1["error"]["code"].as_str()), (status, code));
    }
    assert_eq!(write.get("/healthz").await.0, 200);
}

async fn redis_may_stop_and_come_back(lab: Arc<Lab>) {
    let redis = Redis::start(&lab).await;
    let (write, read) = tokio::join!(
        App::start(&lab, "write-app", &redis),
        App::start(&lab, "read-app", &redis)
    );
    assert_eq!(write.post("before").await.0, 200);
    let started = [write.started_at().await, read.started_at().await];
    redis.stop().await;
    let (wrote, seen) = tokio::join!(write.post("meanwhile"), read.get("/"));
    assert_eq!(
        (problem(&wrote), problem(&seen)),
        ((503, "store_failing"), (503, "store_failing"))
    );
    assert_eq!(write.get("/healthz").await.0, 200);
    redis.start_again().await;
    let expected = ["before", "after"];
    assert_eq!(write.post("after").await, (200, json!({ "values": expected })));
    assert_eq!(read.get("/").await, (200, json!({ "Values": expected })));
    assert_eq!([write.started_at().await, read.started_at().await], started);
}

fn problem((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"]["code"].as_str().unwrap_or("none"))
}
