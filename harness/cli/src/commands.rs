//! The commands.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use harness::environment::{Attached, AttachedTenant};
use harness::plan::names::Name;
use harness::plan::{
    self, DEFAULT_ENVIRONMENT, Machine, Plan, Settings, Substrate, SubstrateChoice, Until, Values,
};
use harness::preflight::machine;
use harness::report::terminal::Terminal;
use harness::run::Console;
use harness::substrate::{existing, forwarder};
use harness::{report, vcluster};
use provision::docker::Docker;
use provision::events::Events;
use provision::helm::Chart;
use provision::places::Places;

use super::arguments::{Arguments, Basis, Command, Common, Format, ReportDir, Scenarios, Wanted};
use super::{Exit, Failure, failure, output};

/// `up`, `test`, `e2e` and `down`.
mod run;

/// `doctor`, `plan` and `status`.
mod show;

/// `binaries`.
mod binaries;

/// `logs`.
mod logs;

/// `bench`.
mod bench;

/// `docker`.
mod docker;

/// `compare`.
mod compare;

/// `conformance`.
mod conformance;

/// `kubeconfig`.
mod kubeconfig;

/// Runs the command of the arguments.
pub(super) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    // A name is a part of paths, so none is used before it was checked.
    if let Some(name) = &arguments.common.name {
        Name::environment(name).map_err(plan::Error::Name)?;
    }
    let context = Context {
        places: Places::from_environment()?,
        common: arguments.common,
    };
    match arguments.command {
        Command::Doctor(wanted) => show::doctor(&context, &wanted).await,
        Command::Plan(wanted) => show::plan(&context, &wanted).await,
        Command::Binaries(wanted) => binaries::prepare(&context, &wanted).await,
        Command::Status => show::status(&context),
        Command::Up(wanted) => run::up(&context, &wanted).await,
        Command::Test(test) if test.list => show::scenarios(&context, test.scenarios.filter.as_deref()),
        Command::Test(test) => run::test(&context, &test).await,
        Command::E2e(e2e) => run::e2e(&context, &e2e).await,
        Command::Down => run::down(&context).await,
        Command::Logs(wanted) => logs::print(&context, &wanted).await,
        Command::Kubeconfig(wanted) => kubeconfig::print(&context, &wanted),
        Command::Docker(wanted) => docker::run(&context, &wanted).await,
        Command::Compare(wanted) => compare::run(&context, &wanted).await,
        Command::Conformance(wanted) => conformance::run(&context, &wanted).await,
        Command::Bench(wanted) => bench::run(&context, &wanted).await,
        Command::Report { folder } => render(&context, &folder),
        Command::Completions { shell } => completions(&context, shell),
        Command::ApiForwarder { folder, kubeconfig } => {
            let served = forwarder::serve(&folder, &kubeconfig).await;
            served.map(|()| Exit::Passed).map_err(Failure::Forwarder)
        }
        Command::SandboxSupervisor { folder } => {
            let supervised = sandbox::supervisor::supervise(&folder).await;
            supervised.map(|()| Exit::Passed).map_err(Failure::Sandbox)
        }
        // Those that have to run before there are threads.
        Command::SandboxInit { .. }
        | Command::SandboxEnter(_)
        | Command::DockerNames { .. }
        | Command::DockerRuntime { .. } => Ok(Exit::Passed),
    }
}

/// The context of every command.
#[derive(Clone, Debug)]
struct Context {
    places: Places,
    common: Common,
}

impl Context {
    fn name(&self) -> &str {
        self.common.name.as_deref().unwrap_or(DEFAULT_ENVIRONMENT)
    }

    /// Returns the context for a command whose environment is called `default` unless the user names one.
    fn named_or(&self, default: &str) -> Self {
        let mut context = self.clone();
        context.common.name.get_or_insert_with(|| default.to_owned());
        context
    }

    /// Returns the output of a run beside its report.
    fn console(&self) -> Console {
        Console {
            verbosity: self.common.verbosity(),
            warn: failure::warn,
        }
    }

    /// Shows events while `work` is done.
    async fn showing<T>(&self, work: impl AsyncFnOnce(&Events) -> Result<T, Failure>) -> Result<T, Failure> {
        let (events, receiver) = Events::channel();
        let shown = tokio::spawn(report::show(receiver, Terminal::new(self.common.verbosity())));
        let done = work(&events).await;
        drop(events);
        // Showing fails only by a panic, which has been printed.
        let _shown = shown.await;
        done
    }

    fn is_json(&self) -> bool {
        self.common.format == Format::Json
    }

    /// Refuses JSON for a command whose result has a form of its own.
    fn is_no_json(&self, command: &'static str) -> Result<(), Failure> {
        if self.is_json() {
            return Err(Failure::NoJson { command });
        }
        Ok(())
    }

    /// Returns the environment, which has to be up.
    fn attached(&self) -> Result<Attached, Failure> {
        Ok(Attached::open(&self.places, self.name())?)
    }

    /// Returns the tenant called `name` of an environment that is up.
    fn tenant<'a>(&self, attached: &'a Attached, name: &str) -> Result<&'a AttachedTenant, Failure> {
        attached
            .tenants
            .iter()
            .find(|tenant| tenant.name == name)
            .ok_or_else(|| {
                let has = attached
                    .tenants
                    .iter()
                    .map(|tenant| tenant.name.clone())
                    .collect();
                self.no_tenant(name, has)
            })
    }

    fn no_tenant(&self, name: &str, has: Vec<String>) -> Failure {
        Failure::NoTenant {
            name: self.name().to_owned(),
            tenant: name.to_owned(),
            has,
        }
    }

    /// Returns the plan for the wanted environment.
    async fn plan(&self, wanted: &Wanted, scenarios: Option<&Scenarios>) -> Result<Plan, Failure> {
        let Wanted {
            tenants,
            virtual_cluster,
            basis,
            keep,
            seed,
            report,
        } = wanted;
        let Basis {
            values,
            substrate,
            existing: of_existing,
            vcluster_chart,
            images,
            overcommit,
            binaries,
        } = basis;
        let settings = Settings {
            name: self.name().to_owned(),
            substrate: *substrate,
            kubernetes: binaries.kubernetes,
            virtual_cluster: *virtual_cluster,
            vcluster_chart: vcluster_chart.as_deref().map(absolute).transpose()?,
            vcluster_program: binaries.options().overrides.remove(vcluster::PROGRAM),
            images: *images,
            tenants: tenants.clone(),
            values: values_in(values.as_deref())?,
            keep: *keep,
            report_dir: self.report_dir(report)?,
            jobs: scenarios.and_then(|scenarios| scenarios.jobs),
            seed: seed.unwrap_or_else(|| fastrand::u32(..).into()),
            filter: scenarios.and_then(|scenarios| scenarios.filter.clone()),
            overcommit: *overcommit,
            existing: of_existing.settings(),
            until: Until::default(),
        };
        let machine = Machine {
            docker: docker_decides(*substrate).await,
            ..machine::here()
        };
        // What is only found out where it is used would cost the time until then.
        binaries.options().check().map_err(Failure::Option)?;
        let plan = Plan::new(settings, machine)?;
        if plan.substrate == Substrate::Existing {
            let plan::Existing {
                kubeconfig, context, ..
            } = &plan.existing;
            existing::choose(kubeconfig.as_deref(), context.as_deref()).map_err(Failure::Existing)?;
        }
        if let Some(Chart::Folder(folder)) = plan.vcluster.as_ref().map(|vcluster| &vcluster.chart) {
            let described = folder.join("Chart.yaml");
            if !described.is_file() {
                return Err(Failure::NoChart { described });
            }
        }
        Ok(plan)
    }

    fn report_dir(&self, wanted: &ReportDir) -> Result<PathBuf, Failure> {
        let folder = wanted.report_dir.clone().unwrap_or_else(|| match self.name() {
            DEFAULT_ENVIRONMENT => PathBuf::from("target/e2e"),
            name => PathBuf::from(format!("target/e2e-{name}")),
        });
        absolute(&folder)
    }
}

/// Returns true if a Docker daemon answers and the choice of the substrate depends on it.
async fn docker_decides(substrate: SubstrateChoice) -> bool {
    substrate == SubstrateChoice::Auto && Docker::here().info().await.is_ok()
}

/// Returns an absolute path, which means the same wherever it is used.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::CurrentFolder)
}

fn values_in(file: Option<&Path>) -> Result<Values, Failure> {
    let Some(path) = file else {
        return Ok(Values {
            origin: "the tutorial's".to_owned(),
            text: provision::values::BLOG.to_owned(),
        });
    };
    let bytes = std::fs::read(path).map_err(|source| Failure::ReadValues {
        path: path.to_owned(),
        source,
    })?;
    let origin = path.display().to_string();
    let text = vcluster_values::text(bytes, &origin).map_err(plan::Error::from)?;
    Ok(Values { origin, text })
}

fn render(context: &Context, folder: &Path) -> Result<Exit, Failure> {
    let folder = report::folder::run_in(folder);
    let summary = report::render(&folder)?;
    run::print(context, &summary, &folder)?;
    Ok(summary.outcome().into())
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    context.is_no_json("completions")?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "harness", &mut script);
    output::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Passed)
}
