//! A session of tests: in an environment that is up, or in one of its own.

use std::fs;
use std::path::PathBuf;

use provision::binaries::{self, Binaries, Options};

use super::material::{prepare, wanted};
use super::run::{self as one, HOST, Request};
use super::selection::is_serial;
use super::{Error, PROGRAM, Results, STAGE, Selection, Setting, selection};
use crate::environment::{self, Attached, Recipe};
use crate::ledger::Ledger;
use crate::plan::{Images, Plan};
use crate::{report, run};

/// The environment of the tests.
#[derive(Debug)]
pub enum Place {
    /// An environment that is up, and stays.
    Found(Box<Attached>),
    /// One of the session's own, to be brought up and removed.
    Own(Box<Plan>),
}

impl Place {
    /// Returns the names of the clusters in it: its tenants and the host cluster.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        let mut clusters: Vec<String> = match self {
            Self::Found(attached) => attached.tenants.iter().map(|it| it.name.clone()).collect(),
            Self::Own(plan) => plan.tenants.iter().map(|it| it.name.clone()).collect(),
        };
        clusters.push(HOST.to_owned());
        clusters
    }
}

/// Everything that is asked of a session.
#[derive(Debug)]
pub struct Session {
    /// The environment of the tests.
    pub place: Place,
    /// The names of the clusters to run in.
    pub clusters: Vec<String>,
    /// The tests that are asked for.
    pub selection: Selection,
    /// The options for binaries, with the environment's Kubernetes.
    pub options: Options,
    /// The source of the images of the tests' pods.
    pub images: Images,
    /// The number of tests that run side by side.
    pub procs: usize,
    /// True if tests run that wait for minutes before they fail as expected.
    pub known: bool,
    /// The folder of the reports.
    pub folder: PathBuf,
}

/// The results of a session.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The results in each cluster that the tests ran in.
    pub ran: Vec<Results>,
    /// True if the session was interrupted.
    pub interrupted: bool,
    /// The objects that are left of an environment of its own.
    pub left_behind: Vec<String>,
}

impl Session {
    /// Returns the names of the selected tests. Fetches and builds the missing programs of the tests.
    pub async fn list(&self, setting: &run::Setting<'_>) -> Result<Vec<String>, Error> {
        let (tests, _) = self.provide(&self.recipe().await, setting).await?;
        Ok(tests)
    }

    /// Fetches and builds the missing programs of the tests, and returns them with the names of the selected tests.
    async fn provide(
        &self,
        recipe: &Recipe,
        setting: &run::Setting<'_>,
    ) -> Result<(Vec<String>, Binaries), Error> {
        let wanted = wanted(recipe);
        let ensuring = binaries::ensure(&setting.places.cache, &wanted, &self.options, setting.events);
        let ensuring = setting.events.stage(binaries::STAGE, ensuring);
        let Some(binaries) = setting.cancel.run_until_cancelled(ensuring).await else {
            return Err(run::Error::Interrupted.into());
        };
        let binaries = binaries?;
        let tests = selection::all(binaries.program(PROGRAM)?).await?;
        Ok((self.selection.choose(&tests)?, binaries))
    }

    /// Runs the tests. An error that does not end the session is given to `warn`.
    pub async fn run(&self, setting: &run::Setting<'_>, warn: fn(&run::Error)) -> Result<Outcome, Error> {
        let _held = match &self.place {
            Place::Found(attached) => {
                let folder = setting.places.environment(&attached.name);
                Some(Ledger::take(&folder, "conformance").map_err(run::Error::from)?)
            }
            Place::Own(_) => None,
        };
        fs::create_dir_all(&self.folder).map_err(|source| {
            run::Error::from(report::Error::Folder {
                path: self.folder.clone(),
                source,
            })
        })?;
        let recipe = self.recipe().await;
        // Before anything is brought up: what cannot be had fails at once.
        let (tests, binaries) = self.provide(&recipe, setting).await?;
        let mut tenants = self.place.clusters();
        tenants.retain(|cluster| cluster != HOST);
        refuse_disturbance(&self.clusters, tenants, &tests)?;
        match &self.place {
            Place::Found(attached) => {
                self.in_clusters_of(attached, &tests, (&recipe, binaries), setting)
                    .await
            }
            Place::Own(plan) => {
                self.in_its_own(plan, &tests, (&recipe, binaries), setting, warn)
                    .await
            }
        }
    }

    /// Returns the recipe of the environment's host cluster.
    async fn recipe(&self) -> Recipe {
        match &self.place {
            Place::Found(attached) => {
                Recipe::of(attached.substrate, self.images, attached.registry.clone()).await
            }
            Place::Own(plan) => Recipe::planned(plan).await,
        }
    }

    /// Brings an environment up, runs the tests, and removes it.
    async fn in_its_own(
        &self,
        plan: &Plan,
        tests: &[String],
        material: (&Recipe, Binaries),
        setting: &run::Setting<'_>,
        warn: fn(&run::Error),
    ) -> Result<Outcome, Error> {
        let ledger = environment::claim(plan, setting.places, "conformance").map_err(run::Error::from)?;
        let up = match setting.bring_up(plan, &self.options, ledger).await {
            Ok(up) => up,
            Err(error) => return Err(setting.clean_up(plan, error, &self.folder, warn).await.into()),
        };
        let ran = self.in_clusters_of(&up.attached, tests, material, setting).await;
        let left_behind = setting.down(up).await?;
        Ok(Outcome { left_behind, ..ran? })
    }

    /// Runs the tests in one cluster after the other.
    async fn in_clusters_of(
        &self,
        attached: &Attached,
        tests: &[String],
        (recipe, binaries): (&Recipe, Binaries),
        setting: &run::Setting<'_>,
    ) -> Result<Outcome, Error> {
        let setting = Setting {
            places: setting.places,
            attached,
            options: &self.options,
            images: self.images,
            events: setting.events,
            cancel: setting.cancel,
        };
        let mut outcome = Outcome::default();
        let preparing = prepare(recipe, binaries, &setting);
        let Some(prepared) = setting.cancel.run_until_cancelled(preparing).await else {
            outcome.interrupted = true;
            return Ok(outcome);
        };
        let prepared = prepared?;
        let request = Request {
            tests,
            procs: self.procs,
            known: self.known,
            folder: &self.folder,
            seed: attached.seed,
        };
        for cluster in &self.clusters {
            let running = one::run(cluster, &request, &prepared, &setting);
            let stage = format!("{STAGE}/{cluster}");
            outcome.ran.push(setting.events.stage(&stage, running).await?);
            outcome.interrupted = setting.cancel.is_cancelled();
            if outcome.interrupted {
                break;
            }
        }
        Ok(outcome)
    }
}

/// Refuses [Serial] tests on a host cluster that has tenants, before any test runs.
fn refuse_disturbance(clusters: &[String], tenants: Vec<String>, tests: &[String]) -> Result<(), Error> {
    let is_on_host = clusters.iter().any(|cluster| cluster == HOST);
    if is_on_host && !tenants.is_empty() && tests.iter().any(|test| is_serial(test)) {
        return Err(Error::Disturbs { tenants });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_a_tenant_alone(&["tenant-1"], &["tenant-1"], &["a [Serial]"], true)]
    #[case::on_a_host_without_tenants(&["host"], &[], &["a [Serial]"], true)]
    #[case::parallel_tests(&["tenant-1", "host"], &["tenant-1"], &["a"], true)]
    #[case::after_a_tenant(&["tenant-1", "host"], &["tenant-1"], &["a", "b [Serial]"], false)]
    fn serial_tests_on_a_host_with_tenants_are_refused_before_any_runs(
        #[case] clusters: &[&str],
        #[case] tenants: &[&str],
        #[case] tests: &[&str],
        #[case] runs: bool,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let refused = refuse_disturbance(&owned(clusters), owned(tenants), &owned(tests));
        assert_eq!(refused.is_ok(), runs);
    }
}
