//! The scenarios to run and their places, and those that are left out.

use std::time::Duration;

use provision::events::{ScenarioResult, Verdict, id_of};

use super::Error;
use super::catalogue::{Catalogue, Entry, Scope};
use crate::environment::Attached;
use crate::plan::Plan;

/// The scenarios' sources, in the workspace that this program was built from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/tests");

/// The properties of the environment that decide which scenarios run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The tenants' names.
    pub tenants: Vec<String>,
    /// The provider of the host cluster.
    pub substrate: String,
    /// The kind of virtual cluster.
    pub virtual_cluster: String,
}

impl Surroundings {
    /// Returns the surroundings of an environment that is up.
    #[must_use]
    pub fn of(attached: &Attached) -> Self {
        Self {
            tenants: attached
                .tenants
                .iter()
                .map(|tenant| tenant.name.clone())
                .collect(),
            substrate: attached.substrate.to_string(),
            virtual_cluster: attached.virtual_cluster.clone(),
        }
    }

    /// Returns the surroundings that an environment will have.
    #[must_use]
    pub fn planned(plan: &Plan) -> Self {
        Self {
            tenants: plan.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
            substrate: plan.substrate.to_string(),
            virtual_cluster: plan.virtual_cluster.to_string(),
        }
    }
}

/// The scenarios that run, in this order, and those that do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Several at a time.
    pub side_by_side: Vec<Planned>,
    /// One after the other, at the end.
    pub alone: Vec<Planned>,
    /// Left out, with why.
    pub left_out: Vec<ScenarioResult>,
}

/// A scenario that is to run in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// Its path in the test binary.
    pub name: String,
    /// Its promise.
    pub promise: String,
    /// The tenant that it acts in, if it acts in one.
    pub tenant: Option<String>,
    /// The other tenant, if it acts in two.
    pub other: Option<String>,
    /// The reason why it is known to fail, if it is.
    pub known: Option<String>,
    /// The time limit.
    pub at_most: Duration,
}

impl Planned {
    /// Returns the place that it runs in, for reports.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match (&self.tenant, &self.other) {
            (Some(tenant), Some(other)) => Some(format!("{tenant}, {other}")),
            (tenant, _) => tenant.clone(),
        }
    }

    /// Returns a folder name for its files: its path and place, limited to characters that file systems agree on.
    #[must_use]
    pub fn folder(&self) -> String {
        let path = self.name.replace("::", "-");
        let tenants = [&self.tenant, &self.other].into_iter().flatten();
        tenants.fold(path, |path, tenant| format!("{path}-in-{tenant}"))
    }

    /// Returns its result.
    #[must_use]
    pub fn came_to(&self, status: Verdict, took: Duration, reason: Option<String>) -> ScenarioResult {
        ScenarioResult {
            id: self.id.clone(),
            name: self.name.clone(),
            promise: self.promise.clone(),
            status,
            seconds: provision::events::seconds(took),
            tenant: self.place(),
            evidence: None,
            reason,
        }
    }
}

impl Selection {
    /// Selects from `tests`, the paths in the test binary, those that `filter` asks for: an id such as `IS-01`, a family of
    /// ids such as `IS`, or a part of the path. Without a filter, all of them.
    pub fn of(
        tests: &[String],
        catalogue: &Catalogue,
        surroundings: &Surroundings,
        filter: Option<&str>,
    ) -> Result<Self, Error> {
        let mut selection = Self::default();
        let mut uncatalogued = Vec::new();
        for test in tests {
            let (Some(id), Some(entry)) = (id_in(test), catalogue.entry(test)) else {
                uncatalogued.push(test.clone());
                continue;
            };
            if filter.is_none_or(|filter| asked_for(filter, &id, test)) {
                selection.add(test, &id, entry, surroundings);
            }
        }
        if !uncatalogued.is_empty() {
            return Err(Error::Uncatalogued { tests: uncatalogued });
        }
        match filter {
            Some(filter) if selection == Self::default() => Err(Error::NoMatch {
                filter: filter.to_owned(),
                nearest: nearest(filter, tests),
            }),
            _ => Ok(selection),
        }
    }

    /// Returns the number of scenarios that are to run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.side_by_side.len() + self.alone.len()
    }

    /// Returns true if nothing is to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, test: &str, id: &str, entry: &Entry, surroundings: &Surroundings) {
        let planned = |tenant: Option<&String>, other: Option<&String>| Planned {
            id: id.to_owned(),
            name: test.to_owned(),
            promise: entry.promise.clone(),
            tenant: tenant.cloned(),
            other: other.cloned(),
            known: entry.known_with(&surroundings.virtual_cluster).map(str::to_owned),
            at_most: entry.at_most(),
        };
        if let Some(why) = cannot(entry, surroundings) {
            self.left_out
                .push(planned(None, None).came_to(Verdict::NotRun, Duration::ZERO, Some(why)));
            return;
        }
        let runs = if entry.disruptive {
            &mut self.alone
        } else {
            &mut self.side_by_side
        };
        let tenants = &surroundings.tenants;
        match entry.scope {
            Scope::Tenant => runs.extend(tenants.iter().map(|tenant| planned(Some(tenant), None))),
            Scope::Pair => runs.push(planned(tenants.first(), tenants.get(1))),
            Scope::Environment => runs.push(planned(None, None)),
        }
    }
}

/// Fails if `filter` selects no scenario. Nothing is built for that: the catalogue has all scenarios, and the sources have
/// the names of their cases.
pub fn require_match(filter: Option<&str>) -> Result<(), Error> {
    match Catalogue::built_in()?.matching(filter) {
        Err(Error::NoMatch { filter, .. }) if is_of_a_case(&filter, &cases()) => Ok(()),
        other => other.map(drop),
    }
}

/// Returns true if a filter may select a case of a scenario, whose path in the test binary ends with `case_N_NAME`.
fn is_of_a_case(filter: &str, cases: &[String]) -> bool {
    let part = filter.rsplit("::").next().unwrap_or_default();
    let name = match part.strip_prefix("case_") {
        Some(numbered) => numbered.trim_start_matches(|letter: char| letter.is_ascii_digit()),
        None => part,
    };
    let name = name.trim_start_matches('_');
    cases.iter().any(|case| case.contains(name))
}

/// Returns the names of all cases in the scenarios' sources.
fn cases() -> Vec<String> {
    let sources = std::fs::read_dir(SOURCES).into_iter().flatten().flatten();
    let texts = sources.filter_map(|source| std::fs::read_to_string(source.path()).ok());
    texts
        .flat_map(|text| {
            text.split("#[case::")
                .skip(1)
                .filter_map(|rest| rest.split('(').next().map(str::to_owned))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Returns the reason why the scenario cannot run here, if it cannot.
fn cannot(entry: &Entry, surroundings: &Surroundings) -> Option<String> {
    let Surroundings {
        tenants,
        substrate,
        virtual_cluster,
    } = surroundings;
    let here = |needed: &&String| *needed == substrate || *needed == virtual_cluster;
    if let Some(needed) = entry.requires.iter().find(|needed| !here(needed)) {
        return Some(format!(
            "it needs {needed}; this environment has {virtual_cluster} virtual clusters; its substrate is {substrate}"
        ));
    }
    (entry.scope == Scope::Pair && tenants.len() < 2)
        .then(|| format!("it needs two tenants; this environment has {}", tenants.len()))
}

/// Returns the id in a test's path.
pub(super) fn id_in(test: &str) -> Option<String> {
    test.split("::").find_map(id_of)
}

pub(super) fn asked_for(filter: &str, id: &str, test: &str) -> bool {
    let family = id.split('-').next();
    id.eq_ignore_ascii_case(filter) || family == Some(filter) || test.contains(filter)
}

pub(super) fn nearest(filter: &str, tests: &[String]) -> Option<String> {
    let ids = tests.iter().filter_map(|test| id_in(test));
    let parts = tests.iter().flat_map(|test| test.split("::")).map(str::to_owned);
    provision::nearest::to(filter, ids.chain(parts))
}
