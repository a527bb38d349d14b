//! The owner of a process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Process;
use super::footprint::{Footprint, megabytes};

/// The program that containerd keeps beside every pod.
const SHIM: &str = "containerd-shim-runc-v2";

/// The owner of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The host cluster, with the platform that all tenants share.
    Host,
    /// A tenant.
    Tenant(String, Part),
}

/// The purpose that a tenant has a process for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// To have a virtual cluster.
    VirtualCluster,
    /// To run apps in it.
    Apps,
}

/// Each pod of the host by its UID: its name, and whose it is.
pub(super) type Pods = HashMap<String, (String, Owner)>;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The file name of its program.
    pub(super) program: String,
    /// Its arguments, the program's own name first.
    pub(super) arguments: Vec<String>,
    /// Its cgroup, below the environment's.
    pub(super) cgroup: PathBuf,
    /// Its memory.
    pub(super) footprint: Footprint,
}

/// Gives each process to its owner.
pub(super) fn group(pods: &Pods, found: &[Found]) -> HashMap<Owner, Vec<Process>> {
    let of_container: HashMap<&str, &str> = found
        .iter()
        .filter_map(|process| in_pod(&process.cgroup))
        .filter_map(|(uid, container)| Some((container?, uid)))
        .collect();
    let mut groups: HashMap<Owner, Vec<Process>> = HashMap::new();
    for process in found {
        let uid = sandbox(process)
            .and_then(|sandbox| of_container.get(sandbox).copied())
            .or_else(|| in_pod(&process.cgroup).map(|(uid, _)| uid));
        let pod = uid.and_then(|uid| pods.get(uid));
        let (pod, owner) = match pod {
            Some((name, owner)) => (Some(name.clone()), owner.clone()),
            None => (None, Owner::Host),
        };
        groups.entry(owner).or_default().push(Process {
            name: name(process),
            pod,
            rss_mb: megabytes(process.footprint.rss),
            pss_mb: megabytes(process.footprint.pss),
        });
    }
    groups
}

/// Returns the pod's UID, and the container if it is in one. The kubelet's cgroupfs driver lays pods out as
/// `kubepods/burstable/pod<UID>/<container>`.
fn in_pod(cgroup: &Path) -> Option<(&str, Option<&str>)> {
    let mut parts = cgroup.iter().filter_map(|part| part.to_str());
    parts.find(|&part| part == "kubepods")?;
    let uid = parts.find_map(|part| part.strip_prefix("pod"))?;
    Some((uid, parts.next()))
}

/// Returns the container that holds the namespaces of a shim's pod.
///
/// The shim itself is in containerd's cgroup. Its arguments name the container.
fn sandbox(process: &Found) -> Option<&str> {
    if process.program != SHIM {
        return None;
    }
    let mut arguments = process.arguments.iter();
    arguments.find(|&argument| argument == "-id")?;
    arguments.next().map(String::as_str)
}

/// Returns its program, or for this project's own program the command that it runs.
fn name(process: &Found) -> String {
    match (process.program.as_str(), process.arguments.get(1)) {
        ("harness", Some(command)) => format!("harness {command}"),
        (program, _) => program.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(program: &str, arguments: &[&str], cgroup: &str) -> Found {
        Found {
            program: program.to_owned(),
            arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
            cgroup: cgroup.into(),
            footprint: Footprint {
                rss: 20 * 1024,
                pss: 10 * 1024,
            },
        }
    }

    fn whose(pods: &Pods, found: Found) -> (Owner, Option<String>, String) {
        let pause = self::found("pause", &[], "kubepods/besteffort/pod11-22/c0ffee");
        let mut groups = group(pods, &[pause, found]);
        let (owner, mut processes) = groups
            .drain()
            .find(|(_, processes)| processes.iter().any(|process| process.name != "pause"))
            .unwrap();
        let process = processes.pop().unwrap();
        (owner, process.pod, process.name)
    }

    fn pods() -> Pods {
        let owner = Owner::Tenant("blue".to_owned(), Part::VirtualCluster);
        Pods::from([("11-22".to_owned(), ("blue-0".to_owned(), owner))])
    }

    #[test]
    fn a_process_of_a_tenants_pod_is_the_tenants() {
        let process = found("syncer", &["/syncer", "run"], "kubepods/burstable/pod11-22/abc");
        let owner = Owner::Tenant("blue".to_owned(), Part::VirtualCluster);
        assert_eq!(
            whose(&pods(), process),
            (owner, Some("blue-0".to_owned()), "syncer".to_owned())
        );
    }

    #[test]
    fn a_shim_is_its_pods_wherever_it_runs() {
        let arguments = [
            "shim",
            "-namespace",
            "k8s.io",
            "-id",
            "c0ffee",
            "-address",
            "/run/x",
        ];
        let (owner, pod, _) = whose(&pods(), found(SHIM, &arguments, "system"));
        assert_eq!(owner, Owner::Tenant("blue".to_owned(), Part::VirtualCluster));
        assert_eq!(pod.as_deref(), Some("blue-0"));
    }

    #[test]
    fn what_is_in_no_known_pod_is_the_hosts() {
        let etcd = found("etcd", &["etcd"], "system");
        assert_eq!(whose(&pods(), etcd), (Owner::Host, None, "etcd".to_owned()));
        let gone = found("app", &["app"], "kubepods/pod33-44/abc");
        assert_eq!(whose(&pods(), gone), (Owner::Host, None, "app".to_owned()));
    }

    #[test]
    fn our_own_processes_are_distinguished() {
        let init = found(
            "harness",
            &["/target/harness", "sandbox-init", "/run/x"],
            "system",
        );
        assert_eq!(whose(&pods(), init).2, "harness sandbox-init");
    }
}
