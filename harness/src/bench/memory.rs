//! The memory that the host cluster and every tenant use.
//!
//! Reads the kernel's account of every process in the environment's cgroups, and assigns it to an owner: to a tenant
//! if the process belongs to a pod of that tenant, else to the host cluster.
//!
//! **Counting.** RSS counts a page that several processes share once for each of them. PSS divides it among them, so
//! only sums of PSS mean something. A tenant's `pss_mb` is all that its virtual cluster adds to the host: the pods of
//! its control plane with the syncer, its DNS, and for each pod the process that holds the pod's namespaces and the
//! shim that containerd keeps beside it. The apps in the virtual cluster and their sidecars have a sum of their own:
//! they would use the same without a virtual cluster. The memory that a tenant adds to shared processes, such as the
//! host's API server, is not included. A megabyte is 1024 of the kernel's kB.
//!
//! **Conditions.** All processes that run a program from the same file share its pages. Tenants share them, so the
//! cost of one more tenant shows only with two or more. Other environments share them too, because their images are
//! the same files. So a tenant seems to use less while another environment is up. [`Figures::beside`] names those
//! environments.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Client;
use kube::api::{Api, ListParams};
use provision::naming;
use provision::wait;
use serde::Serialize;

use super::subject::{self, Source};
use super::{Error, Measured, Setting, sync};
use crate::environment::{self, Attached};
use crate::labels::{OF_NAMESPACE, OF_TENANT};

mod footprint;
mod owners;

use footprint::Footprint;
use owners::{Found, Owner, Part, Pods};

/// The guest namespace of a virtual cluster's own pods.
const SYSTEM: &str = "kube-system";

/// The time that an environment needs after its start until its processes' garbage collectors have run.
const SETTLED: Duration = Duration::from_secs(20);

/// Memory, of all processes of an environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The sum of the host cluster's processes.
    pub host_pss_mb: f64,
    /// The processes of the host cluster and of the shared platform: Dapr's control plane, Redis.
    pub host: Vec<Process>,
    /// Each tenant's.
    pub tenants: Vec<Tenant>,
    /// Other environments that were up. They share pages with this one, so its PSS is less than it would be alone.
    pub beside: Vec<String>,
}

/// Memory of one tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The sum of its virtual cluster's processes.
    pub pss_mb: f64,
    /// Its virtual cluster's processes.
    pub processes: Vec<Process>,
    /// The apps that run in it.
    pub apps: Apps,
}

/// Memory of a tenant's apps and their sidecars.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Apps {
    /// The sum of their processes.
    pub pss_mb: f64,
    /// Their processes.
    pub processes: Vec<Process>,
}

/// Memory of one process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Process {
    /// Its program.
    pub name: String,
    /// Its pod on the host, if it is in one or there for one.
    pub pod: Option<String>,
    /// Resident pages, shared or not.
    pub rss_mb: f64,
    /// The same, each page divided by the number of processes that share it.
    pub pss_mb: f64,
}

/// Measures the environment as it is at the moment, or while its first tenant has so many Components; one that has just
/// been brought up, or filled, once it has settled.
pub async fn measure(
    source: &Source,
    components: usize,
    setting: &Setting<'_>,
) -> Result<Measured<Figures>, Error> {
    subject::with(source, setting, async |attached| {
        let is_new = matches!(source, Source::Own(..) | Source::Held(_));
        let work = async {
            if is_new || components > 0 {
                setting.events.progress("memory", "waiting for it to settle");
                wait::rest(SETTLED).await;
            }
            figures(attached, setting).await
        };
        let work = setting.events.stage("memory", work);
        if components > 0
            && let Some(first) = attached.tenants.first()
        {
            return sync::beside_components(attached, &first.name, components, setting, work).await;
        }
        let figures = setting.cancel.run_until_cancelled(work).await;
        Ok(Measured {
            figures: figures.unwrap_or(Err(Error::Interrupted))?,
            left_behind: Vec::new(),
        })
    })
    .await
}

async fn figures(attached: &Attached, setting: &Setting<'_>) -> Result<Figures, Error> {
    let client = super::client(&attached.kubeconfig).await?;
    // Pods first: one that comes in between is taken for the host's, but no process for a pod's that has gone.
    let pods = pods(attached, &client).await?;
    let found = processes(&attached.name)?;
    let mut figures = sum_up(attached, &pods, &found);
    figures.beside = environment::status(setting.places)?
        .into_iter()
        .map(|other| other.name)
        .filter(|name| *name != attached.name)
        .collect();
    Ok(figures)
}

/// Returns all pods of the host, and their owners.
async fn pods(attached: &Attached, client: &Client) -> Result<Pods, Error> {
    let refused = |what: &str| Error::refused(format!("list the {what}"), "the host cluster");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let mirrors = namespaces
        .list_metadata(&ListParams::default().labels(OF_TENANT))
        .await
        .map_err(refused("namespaces"))?;
    let mut owners: HashMap<String, Owner> = HashMap::new();
    for tenant in &attached.tenants {
        let owner = |part| Owner::Tenant(tenant.name.clone(), part);
        owners.insert(tenant.namespace.clone(), owner(Part::VirtualCluster));
        let system = naming::host_namespace(&tenant.name, &tenant.namespace, SYSTEM);
        for mirror in &mirrors {
            let (Some(name), Some(labels)) = (&mirror.metadata.name, &mirror.metadata.labels) else {
                continue;
            };
            if labels.get(OF_TENANT) == Some(&tenant.name)
                && labels.get(OF_NAMESPACE) == Some(&tenant.namespace)
            {
                let part = if *name == system {
                    Part::VirtualCluster
                } else {
                    Part::Apps
                };
                owners.insert(name.clone(), owner(part));
            }
        }
    }
    let pods = Api::<Pod>::all(client.clone())
        .list_metadata(&ListParams::default())
        .await
        .map_err(refused("pods"))?;
    Ok(pods
        .into_iter()
        .filter_map(|pod| {
            let namespace = pod.metadata.namespace?;
            let owner = owners.get(&namespace).cloned().unwrap_or(Owner::Host);
            Some((pod.metadata.uid?, (pod.metadata.name?, owner)))
        })
        .collect())
}

/// Returns all processes of the environment. A process that ends meanwhile uses no memory.
fn processes(environment: &str) -> Result<Vec<Found>, Error> {
    let members = sandbox::members(environment).map_err(Error::Processes)?;
    if members.is_empty() {
        return Err(Error::NoProcesses {
            name: environment.to_owned(),
        });
    }
    let mut found = Vec::new();
    for (pid, cgroup) in members {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let rollup = folder.join("smaps_rollup");
        let text = match fs::read_to_string(&rollup) {
            Ok(text) => text,
            Err(error) if has_ended(&error) => continue,
            Err(source) => return Err(Error::Process { path: rollup, source }),
        };
        // One without memory of its own is a thread of the kernel's, or about to be reaped.
        let Some(footprint) = Footprint::parse(&text) else {
            continue;
        };
        let arguments = fs::read(folder.join("cmdline")).unwrap_or_default();
        found.push(Found {
            program: program(&folder),
            arguments: String::from_utf8_lossy(&arguments)
                .split('\0')
                .map(ToOwned::to_owned)
                .collect(),
            cgroup,
            footprint,
        });
    }
    Ok(found)
}

/// Returns true if the process has ended: its file does not exist, or reading it fails because the process is gone.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Returns the file name of its program, or the kernel's name for it.
fn program(folder: &Path) -> String {
    let file = fs::read_link(folder.join("exe")).ok();
    let name = file.as_ref().and_then(|file| file.file_name()).map_or_else(
        || fs::read_to_string(folder.join("comm")).unwrap_or_default(),
        |name| name.to_string_lossy().into_owned(),
    );
    // What the kernel adds when the file has been removed or replaced.
    name.trim_end_matches(" (deleted)").trim().to_owned()
}

fn sum_up(attached: &Attached, pods: &Pods, found: &[Found]) -> Figures {
    let mut owned = owners::group(pods, found);
    let mut take = |owner: &Owner| {
        let mut processes = owned.remove(owner).unwrap_or_default();
        processes.sort_by(|a, b| b.pss_mb.total_cmp(&a.pss_mb).then_with(|| a.name.cmp(&b.name)));
        processes
    };
    let host = take(&Owner::Host);
    let tenants = attached.tenants.iter().map(|tenant| {
        let processes = take(&Owner::Tenant(tenant.name.clone(), Part::VirtualCluster));
        let apps = take(&Owner::Tenant(tenant.name.clone(), Part::Apps));
        Tenant {
            name: tenant.name.clone(),
            pss_mb: total(&processes),
            processes,
            apps: Apps {
                pss_mb: total(&apps),
                processes: apps,
            },
        }
    });
    let tenants = tenants.collect();
    Figures {
        host_pss_mb: total(&host),
        host,
        tenants,
        beside: Vec::new(),
    }
}

fn total(processes: &[Process]) -> f64 {
    footprint::rounded(processes.iter().map(|process| process.pss_mb).sum())
}
