//! The plan of a run, as plain data.
//!
//! [`Settings`] (the user's request) and [`Machine`] (the resources to run it on) make a [`Plan`], or an [`Error`]
//! that says what to change. Nothing here reads or writes anything, so `harness plan` needs no cluster.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names that Kubernetes and Helm take.
pub mod names;

mod vcluster;

/// The settings for an existing cluster.
mod existing;

/// The extent to which an environment is brought up.
mod until;

/// The choices of a user.
mod choices;

use names::Name;
use provision::pins::Kubernetes;

pub use choices::{Images, Keep, Substrate, SubstrateChoice, TenantChoice, VirtualCluster};
pub use existing::{Dapr, Existing};
pub use until::Until;
pub use vcluster::Vcluster;

/// The environment that is meant where none is named.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// The default number of tenants. It is the fewest that show that a third tenant, which is neither the acting one nor
/// the one that is spied on, is left alone.
pub const DEFAULT_TENANTS: usize = 3;

/// The memory of the host cluster, Dapr and Redis, in MB: the sum of the measurements of each (`docs/benchmarks.md`),
/// rounded up.
pub const HOST_MEGABYTES: u64 = 1500;

/// Memory that one more tenant takes, in MB: 237 for its control plane (PSS), the rest for DNS, the syncer, two apps
/// and their sidecars.
pub const TENANT_MEGABYTES: u64 = 350;

/// The same if real vcluster makes the virtual clusters: 517 MB (PSS) for one with its DNS, the rest for its apps.
pub const VCLUSTER_TENANT_MEGABYTES: u64 = 650;

/// The number of tenants per core before probes with a timeout of a second start to fail.
///
/// An idle tenant takes 3 to 6 % of a core; creating it takes five CPU seconds.
pub const TENANTS_PER_CORE: u64 = 10;

/// The time limit for compiling the scenario test binary, on two cores with nothing cached.
pub const BUILD_SCENARIOS: Duration = Duration::from_mins(30);

/// The time limit of one scenario unless the catalogue has another one: ten times the slowest of those that wait for
/// a pod, so that it ends only scenarios that hang.
pub const SCENARIO: Duration = Duration::from_mins(4);

/// The time limit for collecting the evidence of one failed scenario. A cluster in trouble answers slowly or never.
pub const EVIDENCE: Duration = Duration::from_secs(30);

/// The user's request, before it is known if it can be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The environment's name.
    pub name: String,
    /// The requested provider of the host cluster.
    pub substrate: SubstrateChoice,
    /// The Kubernetes version.
    pub kubernetes: Kubernetes,
    /// The provider of the virtual clusters.
    pub virtual_cluster: VirtualCluster,
    /// The folder of vcluster's chart, if it is not to come from its repository.
    pub vcluster_chart: Option<PathBuf>,
    /// The program of vcluster, if its image is to be assembled.
    pub vcluster_program: Option<PathBuf>,
    /// The source of images.
    pub images: Images,
    /// The number or the names of the tenants.
    pub tenants: TenantChoice,
    /// The tenants' values, and their origin.
    pub values: Values,
    /// The rule for keeping the environment after a run.
    pub keep: Keep,
    /// The folder for the reports.
    pub report_dir: PathBuf,
    /// The number of scenarios that run at a time.
    pub jobs: Option<usize>,
    /// The seed that unique names are derived from.
    pub seed: u64,
    /// The filter that selects scenarios. Without a filter, all of them run.
    pub filter: Option<String>,
    /// Run more tenants than are estimated to fit.
    pub overcommit: bool,
    /// The settings for an existing cluster.
    pub existing: Existing,
    /// The extent to which the environment is brought up.
    pub until: Until,
}

/// The resources of the machine, as far as a plan depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// CPU cores that the harness may use.
    pub cores: u64,
    /// Memory that is free or can be freed, in MB.
    pub free_megabytes: u64,
    /// True if a Docker daemon answers.
    pub docker: bool,
}

/// The plan of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The environment's name.
    pub name: String,
    /// The provider of the host cluster.
    pub substrate: Substrate,
    /// The Kubernetes version, on the host and in the virtual clusters.
    pub kubernetes: Kubernetes,
    /// The provider of the virtual clusters.
    pub virtual_cluster: VirtualCluster,
    /// The parts of real vcluster, if it makes the virtual clusters.
    pub vcluster: Option<Vcluster>,
    /// The source of images.
    pub images: Images,
    /// The tenants, in the order of their making.
    pub tenants: Vec<Tenant>,
    /// The values of every tenant.
    pub values: Values,
    /// The rule for keeping the environment after a run.
    pub keep: Keep,
    /// The folder for the reports.
    pub report_dir: PathBuf,
    /// The number of scenarios that run at a time.
    pub jobs: usize,
    /// The seed that unique names are derived from.
    pub seed: u64,
    /// The filter that selects scenarios. Without a filter, all of them run.
    pub filter: Option<String>,
    /// The existing cluster, and its use.
    #[serde(default, skip_serializing_if = "Existing::is_none")]
    pub existing: Existing,
    /// The extent to which the environment is brought up.
    #[serde(default, skip_serializing_if = "Until::is_everything")]
    pub until: Until,
}

/// A tenant: a virtual cluster and the two apps in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name, which is also its Helm release's and its Redis user's.
    pub name: String,
    /// The host namespace of its control plane.
    pub namespace: String,
}

impl Tenant {
    fn new(name: &Name) -> Self {
        Self {
            name: name.to_string(),
            namespace: format!("{}{name}", names::NAMESPACE_PREFIX),
        }
    }
}

/// A tenant's values: a file in the dialect of vcluster's charts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// The origin of the values: a path, or a description.
    pub origin: String,
    /// The file as it stands.
    pub text: String,
}

/// Errors of a plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There would be no tenant.
    #[error("plan an environment without tenants: --tenants takes 1 or more")]
    NoTenants,
    /// The tenants would not fit.
    #[error(
        "plan {wanted} tenants: {fit} fit this machine ({} MB free and {} cores; the host cluster takes about \
         {HOST_MEGABYTES} MB, a tenant about {tenant_megabytes} MB)",
        machine.free_megabytes,
        machine.cores
    )]
    TooManyTenants {
        /// The number of tenants that were asked for.
        wanted: usize,
        /// The number of tenants that are estimated to fit.
        fit: usize,
        /// The machine that the estimate is for.
        machine: Machine,
        /// The memory that one of them is estimated to use, in MB.
        tenant_megabytes: u64,
    },
    /// Two tenants would have the same name.
    #[error("plan two tenants of the same name, `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// Kubernetes or Helm would refuse a name.
    #[error("name an environment or a tenant")]
    Name(#[source] names::Error),
    /// The tenants' values cannot be used.
    #[error(transparent)]
    Values(#[from] vcluster_values::Error),
    /// Real vcluster cannot be used with these settings.
    #[error(transparent)]
    Vcluster(#[from] vcluster::Error),
    /// No scenario would run.
    #[error("run 0 scenarios at a time: --jobs takes 1 or more")]
    NoJobs,
    /// The native host cluster cannot connect to a registry.
    #[error(
        "pull images with --substrate native: its host cluster cannot connect to a registry; use --images build or auto"
    )]
    NativePullsNothing,
    /// An option for an existing cluster is given, but the substrate is another one.
    #[error("use {option}: it is for --substrate existing, and this is {substrate}")]
    NotExisting {
        /// The option that was given.
        option: &'static str,
        /// The provider of the host cluster.
        substrate: Substrate,
    },
}

impl Error {
    /// Returns the remedy for the user, if the error's text does not name it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::TooManyTenants { .. } => Some(
                "ask for fewer, free some memory, or pass --overcommit if the estimate is wrong here"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Returns the number of tenants that are estimated to fit `machine` if each uses so much memory.
#[must_use]
pub fn tenants_that_fit(machine: Machine, tenant_megabytes: u64) -> usize {
    let by_memory = machine.free_megabytes.saturating_sub(HOST_MEGABYTES) / tenant_megabytes;
    let by_cores = machine.cores.saturating_mul(TENANTS_PER_CORE);
    usize::try_from(by_memory.min(by_cores)).unwrap_or(usize::MAX)
}

impl Plan {
    /// Creates the plan for the request, on `machine`.
    pub fn new(settings: Settings, machine: Machine) -> Result<Self, Error> {
        let Settings {
            name,
            substrate,
            kubernetes,
            virtual_cluster,
            vcluster_chart,
            vcluster_program,
            images,
            tenants,
            values,
            keep,
            report_dir,
            jobs,
            seed,
            filter,
            overcommit,
            existing,
            until,
        } = settings;
        let jobs = self::jobs(jobs, machine)?;
        let name = Name::environment(&name).map_err(Error::Name)?;
        let tenants = tenants_of(tenants)?;
        match virtual_cluster {
            VirtualCluster::Embedded => accept(&values, &tenants)?,
            VirtualCluster::Vcluster => drop(vcluster_values::parse(&values.text, &values.origin)?),
        }
        let tenant_megabytes = match virtual_cluster {
            VirtualCluster::Embedded => TENANT_MEGABYTES,
            VirtualCluster::Vcluster => VCLUSTER_TENANT_MEGABYTES,
        };
        let fit = tenants_that_fit(machine, tenant_megabytes);
        if tenants.len() > fit && !overcommit {
            return Err(Error::TooManyTenants {
                wanted: tenants.len(),
                fit,
                machine,
                tenant_megabytes,
            });
        }
        let substrate = substrate.decide(machine.docker);
        let vcluster = vcluster::Wanted {
            substrate,
            kubernetes,
            chart: vcluster_chart,
            program: vcluster_program,
            registry: existing.registry.clone(),
        };
        let vcluster = match virtual_cluster {
            VirtualCluster::Embedded => vcluster.not_at_all().map(|()| None)?,
            VirtualCluster::Vcluster => Some(vcluster.planned(&values)?),
        };
        if substrate == Substrate::Native && images == Images::Pull {
            return Err(Error::NativePullsNothing);
        }
        existing.fits(substrate)?;
        Ok(Self {
            name: name.to_string(),
            substrate,
            kubernetes,
            virtual_cluster,
            vcluster,
            images,
            tenants,
            values,
            keep,
            report_dir,
            jobs,
            seed,
            filter,
            existing,
            until,
        })
    }
}

/// Refuses values that the syncer of one of the tenants would refuse.
fn accept(values: &Values, tenants: &[Tenant]) -> Result<(), vcluster_values::Error> {
    for tenant in tenants {
        let subject = vcluster_values::naming::Tenant::new(&tenant.name, &tenant.namespace);
        vcluster_values::accept::accept(&values.text, &values.origin, None, &subject)?;
    }
    Ok(())
}

fn tenants_of(choice: TenantChoice) -> Result<Vec<Tenant>, Error> {
    let names = match choice {
        TenantChoice::Count(count) => (1..=count).map(|number| format!("tenant-{number}")).collect(),
        TenantChoice::Names(names) => names,
    };
    let mut tenants: Vec<Tenant> = Vec::new();
    for name in &names {
        let tenant = Tenant::new(&Name::tenant(name).map_err(Error::Name)?);
        if tenants.contains(&tenant) {
            return Err(Error::Twice { name: tenant.name });
        }
        tenants.push(tenant);
    }
    if tenants.is_empty() {
        Err(Error::NoTenants)
    } else {
        Ok(tenants)
    }
}

/// Returns the number of scenarios that run at a time: the user's number, else twice the number of cores, because
/// scenarios mostly wait.
pub fn jobs(wanted: Option<usize>, machine: Machine) -> Result<usize, Error> {
    match wanted {
        Some(0) => Err(Error::NoJobs),
        Some(jobs) => Ok(jobs),
        None => Ok(usize::try_from(machine.cores.saturating_mul(2))
            .unwrap_or(usize::MAX)
            .max(1)),
    }
}

#[cfg(test)]
mod tests;
