//! The progress of a run, on the terminal: bars on a terminal, else a line for each step.
//!
//! All of it goes to standard error; standard output is for data.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use provision::events::{Event, Stamped, Verdict};

use super::text;

/// The interval at which a step that only counts is shown without a terminal. It is short enough for a CI server not
/// to consider the run dead, and long enough for its log to be readable.
const COUNTING: Duration = Duration::from_secs(15);

/// The amount of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures only.
    Quiet,
    /// Stages and steps.
    Normal,
    /// Everything, and the log of the stages.
    Verbose,
}

/// Shows events as they happen.
#[derive(Debug)]
pub struct Terminal {
    verbosity: Verbosity,
    began: Instant,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bars {
        all: MultiProgress,
        stages: HashMap<String, ProgressBar>,
    },
    Lines {
        last: HashMap<String, Step>,
    },
}

/// The step of a stage that was shown last.
#[derive(Debug)]
struct Step {
    what: String,
    at: Instant,
}

impl Terminal {
    /// Creates the terminal that standard error is, if it is one.
    #[must_use]
    pub fn new(verbosity: Verbosity) -> Self {
        // A verbose run logs to the same place, which bars would garble.
        let bars = verbosity == Verbosity::Normal && std::io::stderr().is_terminal();
        let shown = if bars {
            Shown::Bars {
                all: MultiProgress::new(),
                stages: HashMap::new(),
            }
        } else {
            Shown::Lines { last: HashMap::new() }
        };
        Self {
            verbosity,
            began: Instant::now(),
            shown,
        }
    }

    /// Shows one event.
    pub fn show(&mut self, stamped: &Stamped) {
        match &mut self.shown {
            Shown::Bars { all, stages } => {
                move_bars(all, stages, &stamped.event);
                if matches!(stamped.event, Event::Progress { .. }) {
                    return;
                }
            }
            Shown::Lines { last } => {
                if !worth_a_line(&stamped.event, self.verbosity, last) {
                    return;
                }
            }
        }
        if let Some(line) = line(&stamped.event, self.verbosity) {
            self.print(&line);
        }
    }

    /// Shows a warning, regardless of the verbosity.
    pub fn warn(&self, text: &str) {
        self.print(&format!("warning: {text}"));
    }

    /// Removes the bars.
    pub fn close(&mut self) {
        if let Shown::Bars { stages, .. } = &mut self.shown {
            for bar in stages.drain().map(|(_, bar)| bar) {
                bar.finish_and_clear();
            }
        }
    }

    #[expect(
        clippy::print_stderr,
        reason = "progress goes to standard error, as standard output is for data"
    )]
    fn print(&self, line: &str) {
        match &self.shown {
            // It fails if the terminal went away, and then there is nobody to tell.
            Shown::Bars { all, .. } => drop(all.println(line)),
            Shown::Lines { .. } => eprintln!("[{:6.1}s] {line}", self.began.elapsed().as_secs_f64()),
        }
    }
}

/// Returns the line for `event`, if it has one.
fn line(event: &Event, verbosity: Verbosity) -> Option<String> {
    let normal = verbosity >= Verbosity::Normal;
    match event {
        Event::RunStarted {
            run,
            environment,
            seed,
            ..
        } if normal => Some(format!("run {run} of environment {environment}, seed {seed}")),
        Event::StageFinished {
            stage,
            seconds,
            status,
        } if normal || *status == provision::events::Status::Failed => {
            Some(format!("{stage} {} in {seconds:.1}s", text::stage_word(*status)))
        }
        Event::ScenarioStarted { id, name, tenant } if verbosity == Verbosity::Verbose => Some(format!(
            "{id} {}{} begins",
            text::sentence(name),
            inside(tenant.as_deref())
        )),
        Event::ScenarioFinished(result) if normal || result.status == Verdict::Failed => {
            let place = inside(result.tenant.as_deref());
            let first = result.reason.iter().flat_map(|reason| reason.lines()).next();
            let why = first.map(|line| format!(": {line}")).unwrap_or_default();
            let verdict = text::word(result.status);
            let time = match result.status {
                Verdict::NotRun => String::new(),
                _ => format!(" in {:.1}s", result.seconds),
            };
            Some(format!(
                "{} {verdict}{time}: {}{place}{why}",
                result.id,
                text::sentence(&result.name)
            ))
        }
        Event::LeftBehind { what } => Some(format!("left behind: {what}")),
        Event::Progress { .. } if normal => progress(event),
        _ => None,
    }
}

fn progress(event: &Event) -> Option<String> {
    let Event::Progress {
        stage,
        what,
        done,
        total,
        seconds_left,
    } = event
    else {
        return None;
    };
    let counted = match (done, total) {
        (Some(done), Some(total)) => format!(" ({done} of {total})"),
        (Some(done), None) => format!(" ({done})"),
        _ => String::new(),
    };
    let left = seconds_left
        .map(|seconds| format!(", {} left", about(seconds)))
        .unwrap_or_default();
    Some(format!("{stage}: {what}{counted}{left}"))
}

fn about(seconds: f64) -> String {
    if seconds >= 90.0 {
        format!("about {:.0} min", seconds / 60.0)
    } else {
        format!("about {seconds:.0} s")
    }
}

fn inside(tenant: Option<&str>) -> String {
    tenant.map(|tenant| format!(" in {tenant}")).unwrap_or_default()
}

/// Returns true if a step is a new one, or the same and due again.
fn worth_a_line(event: &Event, verbosity: Verbosity, last: &mut HashMap<String, Step>) -> bool {
    let Event::Progress {
        stage,
        what,
        done,
        total,
        ..
    } = event
    else {
        return true;
    };
    let counts_on = done.is_some() && done != total;
    let due = |step: &Step| step.at.elapsed() >= COUNTING || (!counts_on && step.what != *what);
    let worth = verbosity == Verbosity::Verbose || last.get(stage).is_none_or(due);
    if worth {
        last.insert(
            stage.clone(),
            Step {
                what: what.clone(),
                at: Instant::now(),
            },
        );
    }
    worth
}

fn move_bars(all: &MultiProgress, stages: &mut HashMap<String, ProgressBar>, event: &Event) {
    match event {
        Event::StageStarted { stage } => {
            stages.insert(stage.clone(), spinner(all, stage));
        }
        Event::StageFinished { stage, .. } => {
            if let Some(bar) = stages.remove(stage) {
                bar.finish_and_clear();
                all.remove(&bar);
            }
        }
        Event::Progress {
            stage,
            what,
            done,
            total,
            seconds_left,
        } => {
            let bar = stages.entry(stage.clone()).or_insert_with(|| spinner(all, stage));
            if let (Some(done), Some(total)) = (done, total) {
                if bar.length() != Some(*total) {
                    bar.set_style(style(
                        "{spinner} {prefix} {elapsed} [{bar:30}] {pos}/{len} {wide_msg}",
                    ));
                    bar.set_length(*total);
                }
                bar.set_position(*done);
            }
            let left = seconds_left
                .map(|seconds| format!(", {} left", about(seconds)))
                .unwrap_or_default();
            bar.set_message(format!("{what}{left}"));
        }
        _ => {}
    }
}

fn spinner(all: &MultiProgress, stage: &str) -> ProgressBar {
    let bar =
        all.add(ProgressBar::new_spinner().with_style(style("{spinner} {prefix} {elapsed} {wide_msg}")));
    bar.set_prefix(stage.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
