//! Both sides of a comparison, from their plans to its report: one side is brought up, observed and removed, then the other.

use std::fs;
use std::path::{Path, PathBuf};

use provision::binaries::Options;
use provision::pins::pins;
use provision::places::Places;
use tokio_util::sync::CancellationToken;

use super::objects::{self, Tenant};
use super::{Comparison, Error, Objects, Side, input, text};
use crate::bench::subject::Source;
use crate::bench::{self, memory, sync};
use crate::environment::{self, Attached};
use crate::ledger::Ledger;
use crate::plan::{Plan, Substrate};
use crate::platform;
use crate::report::{self, Outcome, Recorded};
use crate::run::{self, Console, Reporter, Scope, Setting};

/// The folder of the left side's reports.
pub const LEFT: &str = "left";

/// The folder of the right side's reports.
pub const RIGHT: &str = "right";

const TEXT: &str = "compare.txt";
const JSON: &str = "compare.json";

/// The names in the folder of a comparison.
const CONTENT: [&str; 4] = [TEXT, JSON, LEFT, RIGHT];

/// The stage of giving the input and of observing its results.
const STAGE: &str = "compare";

/// One side, before it is brought up.
#[derive(Debug)]
pub struct Planned {
    plan: Plan,
    ledger: Ledger,
    options: Options,
}

impl Planned {
    /// Takes the planned environment for a comparison. It must not be up.
    pub fn claim(plan: Plan, options: Options, places: &Places) -> Result<Self, Error> {
        if plan.substrate != Substrate::Native {
            return Err(bench::Error::NoProcesses { name: plan.name }.into());
        }
        run::require_down(&plan, places)?;
        let ledger = environment::claim(&plan, places, "compare").map_err(run::Error::from)?;
        Ok(Self {
            plan,
            ledger,
            options,
        })
    }
}

/// A comparison that got to its end.
#[derive(Debug)]
pub struct Ended {
    /// The folder of its report, and of the reports of both sides.
    pub folder: PathBuf,
    /// The comparison.
    pub comparison: Comparison,
    /// True if something of an environment was left behind.
    pub left_behind: bool,
}

/// Observes both sides, one after the other, and compares them. Their reports are in a folder in `report_dir`.
pub async fn both(
    left: Planned,
    right: Planned,
    report_dir: &Path,
    places: &Places,
    console: Console,
    cancel: &CancellationToken,
) -> Result<Ended, Error> {
    let folder = report::folder::make(report_dir, "compare", &CONTENT).map_err(run::Error::from)?;
    let runner = Runner {
        places,
        console,
        cancel,
    };
    let (left, left_behind) = runner.observe(left, &folder.join(LEFT)).await?;
    let (right, left_behind_too) = runner.observe(right, &folder.join(RIGHT)).await?;
    Ok(Ended {
        folder,
        comparison: Comparison::of(left.scenarios.kubernetes, &left, &right)?,
        left_behind: left_behind || left_behind_too,
    })
}

impl Ended {
    /// Writes the report, as text and as JSON.
    pub fn write(&self) -> Result<(), Error> {
        write(&self.folder.join(TEXT), &text::render(&self.comparison))?;
        let path = self.folder.join(JSON);
        let json = serde_json::to_string_pretty(&self.comparison).map_err(|source| Error::Write {
            path: path.clone(),
            source: source.into(),
        })?;
        write(&path, &format!("{json}\n"))
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Everything that is the same for both sides.
struct Runner<'a> {
    places: &'a Places,
    console: Console,
    cancel: &'a CancellationToken,
}

impl Runner<'_> {
    /// Brings the environment up, observes everything, reports that in `folder`, and removes the environment. The
    /// returned flag is true if something of it was left behind.
    async fn observe(&self, side: Planned, folder: &Path) -> Result<(Side, bool), Error> {
        fs::create_dir(folder).map_err(|source| {
            run::Error::from(report::Error::Folder {
                path: folder.to_owned(),
                source,
            })
        })?;
        let virtual_cluster = side.plan.virtual_cluster.to_string();
        let reporter = Reporter::start(run::started(&side.plan), folder.to_owned(), self.console)?;
        let setting = Setting {
            places: self.places,
            events: &reporter.events,
            cancel: self.cancel,
        };
        let seen = self.look(side, folder, &setting).await;
        let stopped_by = seen.as_ref().err().map(Error::explain);
        let Recorded { summary, failed } = reporter.finish(stopped_by).await?;
        if let Some(error) = failed {
            (self.console.warn)(&error.into());
        }
        let Seen {
            objects,
            sync,
            memory,
        } = seen?;
        let left_behind = summary.outcome() == Outcome::LeftBehind;
        let side = Side {
            virtual_cluster,
            objects,
            sync,
            memory,
            scenarios: summary,
        };
        Ok((side, left_behind))
    }

    /// Brings the environment up, observes it, and removes it.
    async fn look(&self, side: Planned, folder: &Path, setting: &Setting<'_>) -> Result<Seen, Error> {
        let Planned {
            plan,
            ledger,
            options,
        } = side;
        let made = tokio::try_join!(setting.bring_up(&plan, &options, ledger), setting.compile());
        let (up, binary) = match made {
            Ok(made) => made,
            Err(error) => {
                let error = setting.clean_up(&plan, error, folder, self.console.warn).await;
                return Err(error.into());
            }
        };
        let scope = Scope {
            filter: None,
            jobs: plan.jobs,
            folder: folder.to_owned(),
        };
        let looked = async {
            let seen = measured(&plan, &up.attached, setting).await?;
            setting.scenarios(&up.attached, &binary, &scope).await?;
            Ok(seen)
        };
        // On the heap: it is large, and so would everything be that waits for it.
        let looked = Box::pin(looked).await;
        setting.down(up).await?;
        looked
    }
}

/// The observations that were made while an environment was up.
struct Seen {
    objects: Objects,
    sync: sync::Figures,
    memory: memory::Figures,
}

/// Gives the first tenant the input and reads the host's objects after that. Measures then, with nothing else
/// running.
async fn measured(plan: &Plan, attached: &Attached, setting: &Setting<'_>) -> Result<Seen, Error> {
    let objects = setting.events.stage(STAGE, objects(plan, attached));
    let objects = setting.cancel.run_until_cancelled(objects).await;
    let objects = objects.ok_or(run::Error::Interrupted)??;
    let source = Source::Held(Box::new(attached.clone()));
    let memory = memory::measure(&source, 0, setting).await?.figures;
    let first = source.tenants().first().cloned().unwrap_or_default();
    let sync = sync::measure(&source, &first, setting).await?.figures;
    Ok(Seen {
        objects,
        sync,
        memory,
    })
}

async fn objects(plan: &Plan, attached: &Attached) -> Result<Objects, Error> {
    let host = run::client(&attached.kubeconfig).await?;
    let Some(tenant) = attached.tenants.first() else {
        return Ok(Objects::new());
    };
    let guest = run::client(&tenant.kubeconfig).await?;
    let password = password(attached, &tenant.name, &host).await?;
    let whose = Tenant {
        name: &tenant.name,
        namespace: &tenant.namespace,
        password: &password,
    };
    let image = pins().image("pause", plan.kubernetes);
    input::give(&whose, &guest, &host, &image).await?;
    let listed = objects::of(&whose, &guest, &host).await;
    listed.map_err(|source| Error::Objects {
        tenant: tenant.name.clone(),
        source,
    })
}

/// Returns the tenant's password of Redis.
async fn password(attached: &Attached, tenant: &str, host: &kube::Client) -> Result<String, Error> {
    let failed = |source| Error::Password {
        tenant: tenant.to_owned(),
        source,
    };
    let cluster = attached.cluster_of(host.clone());
    let platform = platform::attach(&cluster).await.map_err(failed)?;
    let login = platform.redis.admit(tenant).await.map_err(failed)?;
    Ok(login.password)
}
