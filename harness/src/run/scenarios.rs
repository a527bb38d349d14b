//! The steps of a run that are about the scenarios.

use std::path::{Path, PathBuf};

use provision::events::Verdict;

use super::{Error, Setting};
use crate::environment::Attached;
use crate::evidence::{Collector, Witness};
use crate::plan::Plan;
use crate::scenarios::selection::Surroundings;
use crate::scenarios::{self, Binary, Catalogue, Selection};
use crate::substrate;

/// The stage of the scenarios.
const STAGE: &str = "scenarios";

/// The part of it that compiles them, which happens while the environment comes up.
const COMPILE: &str = "scenarios/build";

/// The scenarios to run, and the place of their reports.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The scenarios to run; all of them if there is none.
    pub filter: Option<String>,
    /// The number of scenarios that run at a time.
    pub jobs: usize,
    /// The run's folder of reports.
    pub folder: PathBuf,
}

impl Setting<'_> {
    /// Fails if the filter of the plan selects nothing, before anything is made.
    pub(super) async fn find_filtered(&self, plan: &Plan) -> Result<(), Error> {
        let Some(filter) = &plan.filter else {
            return Ok(());
        };
        let tests = self.compile().await?.tests().await?;
        Selection::of(
            &tests,
            &Catalogue::built_in()?,
            &Surroundings::planned(plan),
            Some(filter),
        )?;
        Ok(())
    }

    /// Compiles the scenarios, until it is cancelled.
    pub(crate) async fn compile(&self) -> Result<Binary, Error> {
        let build = self.events.stage(COMPILE, Binary::build(self.events, COMPILE));
        let built = self.cancel.run_until_cancelled(build).await;
        Ok(built.ok_or(Error::Interrupted)??)
    }

    /// Runs the scenarios and returns how many failed.
    pub(crate) async fn scenarios(
        &self,
        attached: &Attached,
        binary: &Binary,
        scope: &Scope,
    ) -> Result<usize, Error> {
        let surroundings = Surroundings::of(attached);
        let work = async {
            let tests = binary.tests().await?;
            let selection = Selection::of(
                &tests,
                &Catalogue::built_in()?,
                &surroundings,
                scope.filter.as_deref(),
            )?;
            let collector = collector(attached).await?;
            let setting = scenarios::Setting {
                environment: &Attached::file(&self.places.environment(&attached.name)),
                surroundings: &surroundings,
                seed: attached.seed,
                report_dir: &scope.folder,
                jobs: scope.jobs,
                evidence: Some(&collector),
                cancel: self.cancel,
            };
            let results = scenarios::run(binary, selection, &setting, self.events).await?;
            if self.cancel.is_cancelled() {
                return Err(Error::Interrupted);
            }
            Ok(results
                .iter()
                .filter(|result| result.status == Verdict::Failed)
                .count())
        };
        self.events.stage(STAGE, work).await
    }
}

async fn collector(attached: &Attached) -> Result<Collector, Error> {
    let mut tenants = Vec::new();
    for tenant in &attached.tenants {
        tenants.push(Witness {
            name: tenant.name.clone(),
            namespace: tenant.namespace.clone(),
            client: Some(client(&tenant.kubeconfig).await?),
        });
    }
    Ok(Collector::new(client(&attached.kubeconfig).await?, tenants))
}

/// Returns a client for the cluster that a kubeconfig is for.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, Error> {
    let made = substrate::client(kubeconfig).await;
    made.map_err(|source| Error::Client {
        kubeconfig: kubeconfig.to_owned(),
        source,
    })
}
