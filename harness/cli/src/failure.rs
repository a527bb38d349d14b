//! Errors of commands.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use harness::explain::explain;
use harness::substrate::existing;
use harness::{bench, compare, conformance, environment, ledger, plan, preflight, report, run, scenarios};
use provision::{binaries, command, places};
use sandbox::docker;

use super::Exit;

/// Errors of commands. Their texts follow "failed to".
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Plan(#[from] plan::Error),
    #[error("read the values file {}", path.display())]
    ReadValues { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Preflight(#[from] preflight::Error),
    #[error(transparent)]
    Environment(#[from] environment::Error),
    #[error(transparent)]
    Run(#[from] run::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error("forward connections into the cluster")]
    Forwarder(#[source] io::Error),
    #[error("ask {cluster} for {what}")]
    Ask {
        cluster: String,
        what: String,
        source: Box<kube::Error>,
    },
    #[error(transparent)]
    Suite(#[from] scenarios::Error),
    #[error(transparent)]
    Bench(#[from] bench::Error),
    #[error(transparent)]
    Compare(#[from] compare::Error),
    #[error(transparent)]
    Conformance(#[from] conformance::Error),
    #[error(transparent)]
    Report(#[from] report::Error),
    #[error("find the tenant `{tenant}` in environment {name}: there are {}", has.join(", "))]
    NoTenant {
        name: String,
        tenant: String,
        has: Vec<String>,
    },
    #[error("find logs of `{what}` in environment {name}; there are those of:\n    {}", has.join("\n    "))]
    NoLogs {
        name: String,
        what: String,
        has: Vec<String>,
    },
    #[error("find the log of {what} before its last restart: it has not restarted")]
    NotRestarted { what: String },
    #[error("print the log of {what} by --since: only the logs of containers have timestamps")]
    NoTimes { what: String },
    #[error("print the output of `{command}` as JSON: the command has no JSON output")]
    NoJson { command: &'static str },
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("record the run")]
    Recording(#[source] tokio::task::JoinError),
    #[error("go on: interrupted")]
    Interrupted,
    #[error("listen for signals")]
    Signals(#[source] io::Error),
    #[error("start")]
    Runtime(#[source] io::Error),
    #[error("run the sandbox")]
    Sandbox(#[source] io::Error),
    #[error(transparent)]
    Docker(#[from] docker::Error),
    #[error(transparent)]
    Option(binaries::Error),
    #[error(transparent)]
    Existing(existing::Error),
    #[error("use the chart of --vcluster-chart: there is no file {}", described.display())]
    NoChart { described: PathBuf },
    #[error(transparent)]
    Places(#[from] places::Error),
    #[error("find environment {name}: {}", listed(has))]
    NoEnvironment { name: String, has: Vec<String> },
    #[error("have Docker")]
    Binaries(#[from] binaries::Error),
    #[error(transparent)]
    Command(#[from] command::Error),
    #[error("run a container")]
    Runc(#[source] io::Error),
    #[error("use {name}: parts of an environment of that name exist")]
    Taken { name: String },
    #[error("find the current folder")]
    CurrentFolder(#[source] io::Error),
    #[error("print the result")]
    Output(#[source] io::Error),
}

impl Failure {
    /// Returns the code to exit with.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Run(error) if error.is_usage() => Exit::Usage,
            Self::Compare(error) if error.is_usage() => Exit::Usage,
            Self::Report(error) if error.is_usage() => Exit::Usage,
            Self::Environment(error) if error.is_usage() => Exit::Usage,
            Self::Suite(error) if error.is_usage() => Exit::Usage,
            Self::Conformance(error) if error.is_usage() => Exit::Usage,
            Self::Plan(_)
            | Self::ReadValues { .. }
            | Self::NoTenant { .. }
            | Self::NoLogs { .. }
            | Self::NotRestarted { .. }
            | Self::NoTimes { .. }
            | Self::NoJson { .. }
            | Self::Option(_)
            | Self::Existing(_)
            | Self::NoChart { .. }
            | Self::Places(_)
            | Self::NoEnvironment { .. } => Exit::Usage,
            _ => Exit::CouldNotRun,
        }
    }

    /// Returns the remedy for the user, if the error's text does not name it.
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Plan(error) => error.remedy(),
            Self::Environment(error) => error.remedy(),
            Self::Bench(error) => error.remedy(),
            Self::Existing(error) => error.remedy(),
            Self::NoTimes { .. } => Some("use --tail to limit the number of lines".to_owned()),
            Self::NoChart { .. } => {
                Some("give the folder of vcluster's chart, or leave the option out to fetch it".to_owned())
            }
            Self::Places(_) => Some("set HOME, or XDG_STATE_HOME and XDG_CACHE_HOME".to_owned()),
            Self::Ledger(error) => Some(error.remedy()),
            Self::Taken { name } => Some(format!(
                "remove it (cargo harness down --name {name}), or give another --name"
            )),
            Self::Report(error) => error.remedy(),
            Self::Suite(error) => error.remedy(),
            _ => None,
        }
    }
}

/// Names of environments, for an error about one that is not there.
fn listed(names: &[String]) -> String {
    match names {
        [] => "there is no environment".to_owned(),
        [one] => format!("the only one is {one}"),
        several => format!("there are {}", several.join(", ")),
    }
}

/// Returns the whole chain of causes, one per line, and the remedy.
fn explained(failure: &Failure) -> String {
    match failure {
        Failure::Run(error) => error.explain(),
        Failure::Compare(error) => error.explain(),
        Failure::Conformance(error) => error.explain(),
        failure => explain(failure, failure.remedy()),
    }
}

/// Prints it, to standard error.
pub(super) fn print(failure: &Failure) {
    say(&explained(failure));
}

/// Prints an error that does not end its run, and the remedy, to standard error.
pub(super) fn warn(error: &run::Error) {
    say(&error.explain());
}

/// Prints an error that ends no command, to standard error.
pub(super) fn print_error(error: &dyn Error) {
    say(&explain(error, None));
}

#[expect(clippy::print_stderr, reason = "the one place that prints errors")]
fn say(text: &str) {
    eprintln!("error: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_each_cause_once_and_the_remedy() {
        let held = ledger::Error::Held {
            environment: "default".to_owned(),
            holder: "process 7".to_owned(),
        };
        assert_eq!(
            explained(&Failure::Ledger(held)),
            "failed to take environment default: process 7 holds it\n  remedy: wait until it is done, or give another --name"
        );
        let unreadable = Failure::ReadValues {
            path: "/no/values.yaml".into(),
            source: io::Error::other("no such luck"),
        };
        assert_eq!(
            explained(&unreadable),
            "failed to read the values file /no/values.yaml\n  caused by: no such luck"
        );
        assert_eq!(unreadable.exit(), Exit::Usage);
    }

    #[test]
    fn an_answer_of_an_api_server_is_said_in_its_own_words() {
        let status = kube::core::Status::failure("namespaces \"blue\" not found", "NotFound");
        let asked = Failure::Ask {
            cluster: "the host cluster".to_owned(),
            what: "pods".to_owned(),
            source: Box::new(kube::Error::Api(Box::new(status))),
        };
        assert_eq!(
            explained(&asked),
            "failed to ask the host cluster for pods\n  caused by: namespaces \"blue\" not found: NotFound"
        );
    }
}
