//! Two kinds of virtual cluster side by side: their results for the same input, and their cost.
//!
//! This module takes the observations of two sides. It returns their differences as plain data, which [`text`] makes
//! a table of and which are serialized as JSON without a change. [`explained`] has the reasons of intended
//! differences; all others are reported as unexplained.

use std::io;
use std::path::PathBuf;

use provision::events::Verdict;
use provision::pins::Kubernetes;
use serde::Serialize;

use crate::bench::{self, memory, sync};
use crate::explain::explain;
use crate::report::Summary;
use crate::run;

pub use difference::{Difference, Kind};
pub use objects::Objects;
pub use sides::{Ended, LEFT, Planned, RIGHT, both};

/// The differences that are intended, and the reasons.
pub mod explained;

/// The host's objects of a tenant, without the parts that differ each time.
pub mod objects;

/// The input that both sides get.
pub mod input;

/// For people: tables.
pub mod text;

mod difference;

/// Both sides, from their plans to the report.
mod sides;

/// Errors of a comparison. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The explanations cannot be read.
    #[error(transparent)]
    Explained(#[from] explained::Error),
    /// The input could not be given.
    #[error(transparent)]
    Input(#[from] input::Error),
    /// The host's objects could not be listed.
    #[error("list the host's objects of {tenant}")]
    Objects {
        /// The name of the tenant.
        tenant: String,
        /// The underlying error.
        source: kube::Error,
    },
    /// An environment could not be brought up, checked or removed.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// Something could not be measured.
    #[error(transparent)]
    Bench(#[from] bench::Error),
    /// The report could not be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The tenant's password could not be read.
    #[error("find the password of {tenant} in Redis")]
    Password {
        /// The name of the tenant.
        tenant: String,
        /// The underlying error.
        source: crate::platform::Error,
    },
}

impl Error {
    /// Returns true if the user's request is at fault, and nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_usage())
    }

    /// Returns the whole chain of causes, one per line, and the remedy.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Run(error) => error.explain(),
            Self::Bench(error) => explain(error, error.remedy()),
            error => explain(error, None),
        }
    }
}

/// The observations of one side.
#[derive(Debug)]
pub struct Side {
    /// The kind of its virtual clusters.
    pub virtual_cluster: String,
    /// The host's objects of one tenant, after the same input.
    pub objects: Objects,
    /// The times until a Component is on the host.
    pub sync: sync::Figures,
    /// The memory that it uses.
    pub memory: memory::Figures,
    /// The results of the scenarios.
    pub scenarios: Summary,
}

/// Two sides, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The Kubernetes version of both sides.
    pub kubernetes: Kubernetes,
    /// The kind of virtual cluster on the left.
    pub left: String,
    /// The kind of virtual cluster on the right.
    pub right: String,
    /// Scenarios, in the order of the left one's report.
    pub scenarios: Vec<Scenario>,
    /// The measurements of both sides.
    pub figures: Vec<Figure>,
    /// The number of the host's objects that exist on both sides and are the same.
    pub same_objects: usize,
    /// The differences in the host's objects.
    pub differences: Vec<Difference>,
    /// The explanations of this pair that no difference needed: they are outdated.
    pub unneeded: Vec<String>,
}

/// A scenario on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its id.
    pub id: String,
    /// Its path in the test binary.
    pub name: String,
    /// The verdicts on the left, one for each place it ran in; the worst counts.
    pub left: Option<Verdict>,
    /// The verdict on the right.
    pub right: Option<Verdict>,
    /// The reason why it did not pass on the right, else on the left.
    pub reason: Option<String>,
}

/// Something measured on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The name of the figure, with its unit.
    pub what: &'static str,
    /// On the left.
    pub left: f64,
    /// On the right.
    pub right: f64,
}

impl Comparison {
    /// Compares two sides that had the same input.
    pub fn of(kubernetes: Kubernetes, left: &Side, right: &Side) -> Result<Self, Error> {
        let explanations = explained::built_in()?.between(&left.virtual_cluster, &right.virtual_cluster);
        let found = difference::between(&left.objects, &right.objects);
        let same_objects = left
            .objects
            .keys()
            .filter(|&key| left.objects.get(key) == right.objects.get(key))
            .count();
        let (differences, unneeded) = explanations.explain(found);
        Ok(Self {
            kubernetes,
            left: left.virtual_cluster.clone(),
            right: right.virtual_cluster.clone(),
            scenarios: scenarios(&left.scenarios, &right.scenarios),
            figures: figures(left, right),
            same_objects,
            differences,
            unneeded,
        })
    }

    /// Returns true if a scenario failed, or if there is an unexplained difference.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        let failed = |verdict: Option<Verdict>| verdict == Some(Verdict::Failed);
        self.scenarios
            .iter()
            .any(|scenario| failed(scenario.left) || failed(scenario.right))
            || self.differences.iter().any(|difference| difference.why.is_none())
    }
}

/// Returns each scenario once, with the worst verdict of all places that it ran in.
fn scenarios(left: &Summary, right: &Summary) -> Vec<Scenario> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for scenario in left.scenarios.iter().chain(&right.scenarios) {
        if !names.contains(&(&*scenario.id, &*scenario.name)) {
            names.push((&scenario.id, &scenario.name));
        }
    }
    names
        .into_iter()
        .map(|(id, name)| {
            let (left, why_left) = worst(left, name);
            let (right, why_right) = worst(right, name);
            Scenario {
                id: id.to_owned(),
                name: name.to_owned(),
                left,
                right,
                reason: why_right.or(why_left),
            }
        })
        .collect()
}

/// Returns the worst verdict on a scenario, and the reason for it.
fn worst(side: &Summary, name: &str) -> (Option<Verdict>, Option<String>) {
    let badness = |verdict: Verdict| match verdict {
        Verdict::Passed => 0,
        Verdict::NotRun => 1,
        Verdict::Known => 2,
        Verdict::Failed => 3,
    };
    let worst = side
        .scenarios
        .iter()
        .filter(|scenario| scenario.name == name)
        .max_by_key(|scenario| badness(scenario.status));
    worst.map_or((None, None), |scenario| {
        (Some(scenario.status), scenario.reason.clone())
    })
}

fn figures(left: &Side, right: &Side) -> Vec<Figure> {
    let figure = |what, of: fn(&Side) -> f64| Figure {
        what,
        left: of(left),
        right: of(right),
    };
    vec![
        figure("a Component to the host, p50, ms", |side| side.sync.create_ms.p50),
        figure("a Component to the host, p90, ms", |side| side.sync.create_ms.p90),
        figure("a Component to the host, p99, ms", |side| side.sync.create_ms.p99),
        figure("1,000 Components to the host, s", |side| {
            side.sync.burst.host_seconds
        }),
        figure("1,000 Components made in the guest, s", |side| {
            side.sync.burst.guest_seconds
        }),
        figure("a virtual cluster, PSS, MB", |side| {
            mean(side, |tenant| tenant.pss_mb)
        }),
        figure("a virtual cluster, RSS, MB", |side| {
            mean(side, |tenant| {
                tenant.processes.iter().map(|process| process.rss_mb).sum()
            })
        }),
        figure("its syncer, RSS, MB", |side| mean(side, rss_of_syncer)),
        figure("the host cluster, PSS, MB", |side| side.memory.host_pss_mb),
    ]
}

/// Returns the memory of the program that syncs: ours, or vcluster's.
fn rss_of_syncer(tenant: &memory::Tenant) -> f64 {
    tenant
        .processes
        .iter()
        .filter(|process| ["syncer", "vcluster"].contains(&&*process.name))
        .map(|process| process.rss_mb)
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "tenants are counted in dozens")]
fn mean(side: &Side, of: impl Fn(&memory::Tenant) -> f64) -> f64 {
    let tenants = &side.memory.tenants;
    tenants.iter().map(of).sum::<f64>() / tenants.len().max(1) as f64
}
