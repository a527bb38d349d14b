//! `compare`.

use std::fs;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Context, absolute};
use crate::bench::subject::Source;
use crate::bench::{self, memory, sync};
use crate::cli::arguments::Compare;
use crate::cli::failure::{self, explained};
use crate::cli::{Exit, Failure, interrupt, output};
use crate::compare::objects::{self, Tenant};
use crate::compare::{self, Comparison, Objects, Side, input, text};
use crate::components;
use crate::environment::{self, Attached};
use crate::ledger::Ledger;
use crate::pins::pins;
use crate::plan::{Plan, Substrate};
use crate::platform;
use crate::report::{self, Outcome, Recorded};
use crate::run::{self, Reporter, Scope, Setting};

/// The default prefix of the names of both environments, so that neither is the one in use.
const NAME: &str = "compare";

/// The two sides, which are also the folders of their reports.
const LEFT: &str = "left";
const RIGHT: &str = "right";

const TEXT: &str = "compare.txt";
const JSON: &str = "compare.json";

/// The names in the folder of a comparison.
const CONTENT: [&str; 4] = [TEXT, JSON, LEFT, RIGHT];

/// The stage of giving the input and of observing its results.
const STAGE: &str = "compare";

/// Compares two kinds of virtual cluster.
pub(super) async fn run(context: &Context, wanted: &Compare) -> Result<Exit, Failure> {
    let context = context.named_or(NAME);
    let folder = match &wanted.report_dir {
        Some(folder) => absolute(folder)?,
        None => absolute(&Path::new("target").join(context.name()))?,
    };
    // Both are planned before one is made.
    let left = Planned::of(&context, wanted, LEFT, &folder).await?;
    let right = Planned::of(&context, wanted, RIGHT, &folder).await?;
    let folder = report::folder::make(&folder, "compare", &CONTENT)?;
    let cancel = interrupt::listen(context.name())?;
    let (left, left_behind) = left.seen(&folder.join(LEFT), &cancel).await?;
    let (right, left_behind_too) = right.seen(&folder.join(RIGHT), &cancel).await?;
    let comparison = Comparison::of(left.scenarios.kubernetes, &left, &right)?;
    let text = text::render(&comparison);
    // Printed first: what took an hour is not to be lost to a disk that is full.
    if context.is_json() {
        output::json(&comparison)?;
    } else {
        output::text(&format!("{text}\nReports: {}\n", folder.display()))?;
    }
    write(&folder.join(TEXT), &text)?;
    let json = serde_json::to_string_pretty(&comparison).map_err(|source| Failure::Write {
        path: folder.join(JSON),
        source: source.into(),
    })?;
    write(&folder.join(JSON), &format!("{json}\n"))?;
    Ok(if comparison.is_bad() {
        Exit::Failed
    } else if left_behind || left_behind_too {
        Exit::LeftBehind
    } else {
        Exit::Passed
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|source| Failure::Write {
        path: path.to_owned(),
        source,
    })
}

/// One side, before it is brought up.
struct Planned {
    context: Context,
    plan: Plan,
    ledger: Ledger,
    options: components::Options,
}

impl Planned {
    async fn of(context: &Context, wanted: &Compare, side: &str, folder: &Path) -> Result<Self, Failure> {
        let virtual_cluster = match side {
            LEFT => wanted.left,
            _ => wanted.right,
        };
        let mut context = context.clone();
        context.common.name = Some(format!("{}-{side}", context.name()));
        let wanted = wanted.both.wanted(virtual_cluster, folder.join(side));
        let plan = context.plan(&wanted, None).await?;
        if plan.substrate != Substrate::Native {
            return Err(bench::Error::NoProcesses { name: plan.name }.into());
        }
        run::require_down(&plan, &context.places)?;
        let ledger = environment::claim(&plan, &context.places, "compare")?;
        Ok(Self {
            context,
            plan,
            ledger,
            options: wanted.basis.components.options(),
        })
    }

    /// Brings the environment up, observes everything, reports that in `folder`, and removes the environment. The
    /// returned flag is true if something of it was left behind.
    async fn seen(self, folder: &Path, cancel: &CancellationToken) -> Result<(Side, bool), Failure> {
        fs::create_dir(folder).map_err(|source| report::Error::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let virtual_cluster = self.plan.virtual_cluster.to_string();
        let console = self.context.console();
        let reporter = Reporter::start(run::started(&self.plan), folder.to_owned(), console)?;
        let places = self.context.places.clone();
        let setting = Setting {
            places: &places,
            events: &reporter.events,
            cancel,
        };
        let seen = self.looked_at(folder, &setting).await;
        let recorded = reporter.finish(seen.as_ref().err().map(explained)).await?;
        let Recorded {
            summary: scenarios,
            failed,
        } = recorded;
        if let Some(error) = failed {
            failure::warn(&error.into());
        }
        let Seen {
            objects,
            sync,
            memory,
        } = seen?;
        let left_behind = scenarios.outcome() == Outcome::LeftBehind;
        let side = Side {
            virtual_cluster,
            objects,
            sync,
            memory,
            scenarios,
        };
        Ok((side, left_behind))
    }

    async fn looked_at(self, folder: &Path, setting: &Setting<'_>) -> Result<Seen, Failure> {
        let Self {
            plan,
            ledger,
            options,
            ..
        } = self;
        let made = tokio::try_join!(setting.bring_up(&plan, &options, ledger), setting.compile());
        let (up, binary) = match made {
            Ok(made) => made,
            Err(error) => return Err(setting.clean_up(&plan, error, folder, failure::warn).await.into()),
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

/// Gives the first tenant the input and reads the host's objects after that. Measures then, with nothing else
/// running.
async fn measured(plan: &Plan, attached: &Attached, setting: &Setting<'_>) -> Result<Seen, Failure> {
    let objects = setting.events.stage(STAGE, objects(plan, attached));
    let objects = setting.cancel.run_until_cancelled(objects).await;
    let objects = objects.ok_or(Failure::Interrupted)??;
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

async fn objects(plan: &Plan, attached: &Attached) -> Result<Objects, Failure> {
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
    input::give(&whose, &guest, &host, &image)
        .await
        .map_err(compare::Error::from)?;
    let listed = objects::of(&whose, &guest, &host).await;
    Ok(listed.map_err(|source| compare::Error::Objects {
        tenant: tenant.name.clone(),
        source,
    })?)
}

/// Returns the tenant's password of Redis.
async fn password(attached: &Attached, tenant: &str, host: &kube::Client) -> Result<String, Failure> {
    let failed = |source| compare::Error::Password {
        tenant: tenant.to_owned(),
        source,
    };
    let cluster = attached.cluster_of(host.clone());
    let platform = platform::attach(&cluster).await.map_err(failed)?;
    let login = platform.redis.admit(tenant).await.map_err(failed)?;
    Ok(login.password)
}

/// The observations that were made while an environment was up.
struct Seen {
    objects: Objects,
    sync: sync::Figures,
    memory: memory::Figures,
}
