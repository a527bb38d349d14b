use jiff::Timestamp;
use provision::events::{ScenarioResult, Status, Verdict};
use provision::pins::Kubernetes;

use super::*;

fn at(seconds: f64, event: Event) -> Stamped {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    Stamped {
        at: start + jiff::SignedDuration::from_secs_f64(seconds),
        event,
    }
}

fn stage(events: &mut Vec<Stamped>, name: &str, from: f64, to: f64, status: Status) {
    events.push(at(
        from,
        Event::StageStarted {
            stage: name.to_owned(),
        },
    ));
    events.push(at(
        to,
        Event::StageFinished {
            stage: name.to_owned(),
            seconds: to - from,
            status,
        },
    ));
}

fn scenario(id: &str, name: &str, tenant: Option<&str>, status: Verdict, why: Option<&str>) -> Stamped {
    let evidence = (status == Verdict::Failed).then(|| format!("evidence/{id}-{}", tenant.unwrap_or("all")));
    at(
        30.0,
        Event::ScenarioFinished(ScenarioResult {
            id: id.to_owned(),
            name: name.to_owned(),
            promise: "A tenant never reads another's value.".to_owned(),
            status,
            seconds: if status == Verdict::NotRun { 0.0 } else { 1.25 },
            tenant: tenant.map(str::to_owned),
            evidence,
            reason: why.map(str::to_owned),
        }),
    )
}

/// Returns a run in which every kind of event happens.
fn run() -> Vec<Stamped> {
    let mut events = vec![at(
        0.0,
        Event::RunStarted {
            run: "0198f0d2-0000-7000-8000-000000000001".to_owned(),
            environment: "default".to_owned(),
            substrate: "native".to_owned(),
            kubernetes: Kubernetes::V1_36,
            virtual_cluster: "embedded".to_owned(),
            tenants: vec!["tenant-1".to_owned(), "tenant-2".to_owned()],
            seed: 42,
            hostname: "ci-7".to_owned(),
        },
    )];
    stage(&mut events, "substrate", 0.5, 5.0, Status::Ok);
    events.push(at(
        5.0,
        Event::StageStarted {
            stage: "tenants".to_owned(),
        },
    ));
    stage(&mut events, "tenants/tenant-1", 5.0, 10.0, Status::Ok);
    stage(&mut events, "tenants/tenant-2", 5.0, 11.5, Status::Ok);
    events.push(at(
        11.5,
        Event::StageFinished {
            stage: "tenants".to_owned(),
            seconds: 6.5,
            status: Status::Ok,
        },
    ));
    let leak = "isolation::is_01_the_blogs_component_leaks";
    for tenant in ["tenant-2", "tenant-1"] {
        events.push(scenario("IS-01", leak, Some(tenant), Verdict::Passed, None));
    }
    events.extend([
        scenario(
            "SY-04",
            "sync::sy_04_an_update_reaches_the_host::case_1_removed_field",
            Some("tenant-1"),
            Verdict::Failed,
            Some("expected `<none>`\nsaw `keyPrefix` & more"),
        ),
        scenario(
            "SY-04",
            "sync::sy_04_an_update_reaches_the_host::case_1_removed_field",
            Some("tenant-2"),
            Verdict::Passed,
            None,
        ),
        scenario(
            "RE-03",
            "restart::re_03_the_host_pauses",
            None,
            Verdict::Known,
            Some("no such luck"),
        ),
        scenario(
            "UP-01",
            "upgrade::up_01_names_keep",
            None,
            Verdict::NotRun,
            Some("needs kind"),
        ),
        at(
            31.0,
            Event::LeftBehind {
                what: "cgroup directory /x".to_owned(),
            },
        ),
        at(
            32.0,
            Event::RunFinished {
                seconds: 32.0,
                stopped_by: None,
            },
        ),
    ]);
    events
}

fn summary() -> Summary {
    Summary::of(&run()).unwrap()
}

#[test]
fn json() {
    insta::assert_snapshot!(super::json(&summary()).unwrap());
}

#[test]
fn text() {
    insta::assert_snapshot!(super::text::render(&summary(), Some(Path::new("target/e2e"))));
}

#[test]
fn junit() {
    insta::assert_snapshot!(super::junit::render(&summary()).unwrap());
}

#[test]
fn html() {
    insta::assert_snapshot!(super::html::render(&summary()).unwrap());
}

#[test]
fn a_run_that_was_killed_could_not_run() {
    let mut events = run();
    events.truncate(3);
    events.push(at(
        7.0,
        Event::StageStarted {
            stage: "platform".to_owned(),
        },
    ));
    events.push(at(
        9.0,
        Event::LeftBehind {
            what: "a mount".to_owned(),
        },
    ));
    let summary = Summary::of(&events).unwrap();
    assert_eq!(summary.outcome(), Outcome::CouldNotRun);
    let platform = summary.stages.last().unwrap();
    assert_eq!(
        (platform.status, platform.begins, platform.seconds),
        (Status::Failed, 7.0, 2.0)
    );
}

#[test]
fn a_ci_server_sees_a_stage_that_failed_as_a_test() {
    let mut events = run();
    events.truncate(1);
    stage(&mut events, "binaries", 0.0, 3.0, Status::Ok);
    stage(&mut events, "substrate", 3.0, 9.0, Status::Failed);
    let stopped_by = Some("failed to start the host cluster\n  caused by: waited 6.0s".to_owned());
    let seconds = 9.0;
    events.push(at(9.0, Event::RunFinished { seconds, stopped_by }));
    let xml = super::junit::render(&Summary::of(&events).unwrap()).unwrap();
    assert!(
        xml.contains(r#"tests="1" skipped="0" failures="0" errors="1""#),
        "{xml}"
    );
    assert!(
        xml.contains(r#"<testcase name="substrate" classname="run" time="6.000">"#),
        "{xml}"
    );
    assert!(xml.contains("caused by: waited 6.0s</error>"), "{xml}");
}

#[test]
fn a_ci_server_sees_a_run_that_was_stopped_as_a_test_that_failed() {
    let mut events = run();
    events.truncate(1);
    let xml = super::junit::render(&Summary::of(&events).unwrap()).unwrap();
    assert!(xml.contains(r#"<testcase name="run" classname="run""#), "{xml}");
    assert!(xml.contains(r#"errors="1""#), "{xml}");
}

#[test]
fn no_events_are_no_run() {
    assert_eq!(Summary::of(&[]), None);
}

/// Records the run in `folder`.
async fn recorded(folder: &Path) -> Recorded {
    let (events, receiver) = provision::events::Events::channel();
    for stamped in run() {
        events.tell(stamped.event);
    }
    let terminal = terminal::Terminal::new(terminal::Verbosity::Quiet);
    let recorder = Recorder::begin(folder).unwrap();
    recorder.follow(receiver, terminal).await.unwrap()
}

#[tokio::test]
async fn a_recorded_run_renders_to_the_same_reports_again() {
    let folder = tempfile::tempdir().unwrap();
    let Recorded { summary, failed } = recorded(folder.path()).await;
    assert!(failed.is_none(), "{failed:?}");
    let page = fs::read_to_string(folder.path().join(HTML)).unwrap();

    assert_eq!(render(folder.path()).unwrap(), summary);
    assert_eq!(fs::read_to_string(folder.path().join(HTML)).unwrap(), page);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_costs_the_run_neither_verdicts_nor_its_other_reports() {
    let folder = tempfile::tempdir().unwrap();
    // What takes no file, as a disk that is full takes none.
    fs::create_dir(folder.path().join(JSON)).unwrap();
    let Recorded { summary, failed } = recorded(folder.path()).await;
    assert_eq!(summary.totals.passed, 3);
    assert!(matches!(failed, Some(Error::Write { .. })), "{failed:?}");
    for whole in [TEXT, JUNIT, HTML, EVENTS] {
        assert!(folder.path().join(whole).is_file(), "{whole}");
    }
}

#[tokio::test]
async fn events_that_cannot_be_written_are_shown_and_summed_up() {
    let (events, receiver) = provision::events::Events::channel();
    for stamped in run() {
        events.tell(stamped.event);
    }
    let folder = tempfile::tempdir().unwrap();
    let terminal = terminal::Terminal::new(terminal::Verbosity::Quiet);
    // Every write to it fails as on a full disk.
    let full = Recorder::writing_to(folder.path(), fs::File::create("/dev/full").unwrap());
    let Recorded { summary, failed } = full.follow(receiver, terminal).await.unwrap();
    assert_eq!((summary.totals.passed, summary.totals.failed), (3, 1));
    let Some(Error::Write { source, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(folder.path().join(TEXT).is_file());
}

#[test]
fn a_run_never_goes_on_with_the_events_of_another() {
    let folder = tempfile::tempdir().unwrap();
    Recorder::begin(folder.path()).unwrap();
    let error = Recorder::begin(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error}");
}

#[test]
fn half_a_last_line_is_forgiven_and_half_a_line_before_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join(EVENTS);
    let line = serde_json::to_string(&run()[0]).unwrap();
    fs::write(&events, format!("{line}\n{{\"at\":")).unwrap();
    assert_eq!(read(&events).unwrap(), run()[..1]);

    fs::write(&events, format!("{line}\nnonsense\n{line}\n")).unwrap();
    let error = read(&events).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("understand line 2 of {}", events.display())
    );
}
