//! The verdict on a scenario's process.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use provision::command::tail;
use provision::events::Verdict;

/// The number of lines of a reason that are kept. A report is no log, and the output is in the evidence.
const LONGEST: usize = 24;

/// The end of a scenario's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It exited by itself.
    Exited(ExitStatus),
    /// It was ended after this long.
    TooSlow(Duration),
}

/// Returns the verdict on a scenario that `ended` after it had written `output`, and the reason.
pub(super) fn verdict(ended: Ended, output: &str, known: Option<&str>) -> (Verdict, Option<String>) {
    let failure = match ended {
        Ended::Exited(status) if status.success() && output.contains("test result: ok. 1 passed") => None,
        Ended::Exited(status) if status.success() => {
            Some("it exited with code 0, but did not run".to_owned())
        }
        Ended::Exited(status) => Some(match status.signal() {
            Some(signal) => format!("its process was ended by signal {signal}\n{}", last_words(output)),
            None => reason(output),
        }),
        Ended::TooSlow(limit) => Some(format!(
            "it was ended after {} s; it had said:\n{}",
            limit.as_secs(),
            last_words(output)
        )),
    };
    match (failure, known) {
        (None, None) => (Verdict::Passed, None),
        (None, Some(known)) => {
            let flipped = format!(
                "it passes, but scenarios/catalogue.toml lists it as known to fail: {known}. Remove `known` from its entry"
            );
            (Verdict::Failed, Some(flipped))
        }
        (Some(why), None) => (Verdict::Failed, Some(why)),
        (Some(why), Some(known)) => (Verdict::Known, Some(format!("{known}\n{why}"))),
    }
}

/// Returns the reason why a test failed, from its output: its panic, or the error that it returned, else its last
/// lines.
fn reason(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let panic = lines
        .iter()
        .rposition(|line| line.starts_with("thread '") && line.contains(" panicked at "));
    let error = lines.iter().rposition(|line| line.starts_with("Error: "));
    let said = match (panic, error) {
        (Some(panic), _) => {
            let place = lines[panic]
                .rsplit_once(" panicked at ")
                .map_or("", |(_, place)| place);
            let mut said = until_the_end(&lines[panic + 1..]);
            said.push(format!("at {}", place.trim_end_matches(':')));
            said
        }
        (None, Some(error)) => {
            let mut said = until_the_end(&lines[error..]);
            if let Some(first) = said.first_mut() {
                *first = first.trim_start_matches("Error: ").to_owned();
            }
            said
        }
        (None, None) => return last_words(output),
    };
    said.join("\n")
}

/// Returns the lines up to those of the test framework.
fn until_the_end(lines: &[&str]) -> Vec<String> {
    let framework = |line: &&&str| {
        !(line.starts_with("note: run with `RUST_BACKTRACE")
            || line.starts_with("stack backtrace:")
            || line.starts_with("test result: ")
            || **line == "failures:"
            || (line.starts_with("test ") && line.ends_with("FAILED")))
    };
    let mut said: Vec<String> = lines
        .iter()
        .take_while(framework)
        .filter(|line| !line.trim().is_empty())
        .map(|line| (*line).trim_end().to_owned())
        .collect();
    if said.len() > LONGEST {
        said.truncate(LONGEST);
        said.push("…".to_owned());
    }
    said
}

fn last_words(output: &str) -> String {
    let last = tail(output.as_bytes()).0;
    if last.is_empty() {
        "(nothing)".to_owned()
    } else {
        last.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const PASSED: &str = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored";
    const PANICKED: &str = "running 1 test\nlooking\n
thread 'sync::sy_01_create' (42) panicked at scenarios/tests/sync.rs:10:5:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
test sync::sy_01_create ... FAILED\n\nfailures:\n\nfailures:\n    sync::sy_01_create\n";
    const RETURNED: &str = "running 1 test
Error: failed to write 42

Caused by:
    waited 5.0s for an answer; last seen: 503
test sync::sy_01_create ... FAILED";

    fn exited(code: i32) -> Ended {
        Ended::Exited(ExitStatus::from_raw(code << 8))
    }

    #[rstest]
    #[case::passed(exited(0), PASSED, None, Verdict::Passed, None)]
    #[case::vacuous(
        exited(0),
        "test result: ok. 0 passed",
        None,
        Verdict::Failed,
        Some("it exited with code 0, but did not run")
    )]
    #[case::panic(
        exited(101),
        PANICKED,
        None,
        Verdict::Failed,
        Some("assertion `left == right` failed\n  left: 1\n right: 2\nat scenarios/tests/sync.rs:10:5")
    )]
    #[case::error(
        exited(101),
        RETURNED,
        None,
        Verdict::Failed,
        Some("failed to write 42\nCaused by:\n    waited 5.0s for an answer; last seen: 503")
    )]
    #[case::signal(
        Ended::Exited(ExitStatus::from_raw(9)),
        "looking",
        None,
        Verdict::Failed,
        Some("its process was ended by signal 9\nlooking")
    )]
    #[case::slow(
        Ended::TooSlow(Duration::from_mins(4)),
        "",
        None,
        Verdict::Failed,
        Some("it was ended after 240 s; it had said:\n(nothing)")
    )]
    #[case::known(
        exited(101),
        RETURNED,
        Some("#914"),
        Verdict::Known,
        Some("#914\nfailed to write 42\nCaused by:\n    waited 5.0s for an answer; last seen: 503")
    )]
    #[case::known_passes(
        exited(0),
        PASSED,
        Some("#914"),
        Verdict::Failed,
        Some(
            "it passes, but scenarios/catalogue.toml lists it as known to fail: #914. Remove `known` from its entry"
        )
    )]
    fn a_process_comes_to(
        #[case] ended: Ended,
        #[case] output: &str,
        #[case] known: Option<&str>,
        #[case] status: Verdict,
        #[case] why: Option<&str>,
    ) {
        assert_eq!(verdict(ended, output, known), (status, why.map(str::to_owned)));
    }
}
