//! A Docker daemon that nodes can run in.

use std::path::Path;

use provision::docker::Docker;

use super::{Check, machine};

/// The disk space of three nodes and their images, in MB.
const DISK: u64 = 10_000;

pub(super) async fn inspect(docker: &Docker) -> Vec<Check> {
    let need = "a Docker daemon";
    let info = match docker.info().await {
        Ok(info) => info,
        Err(error) => {
            let remedy = error.remedy().unwrap_or_default();
            return vec![Check::lacking(need, format!("failed to {error}"), remedy)];
        }
    };
    let mut checks = vec![Check::met(need, format!("version {}", info.server_version))];
    let privileged = "Docker that gives containers all privileges";
    checks.push(if info.is_rootless() && !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        Check::lacking(
            privileged,
            "it is rootless, on a machine with cgroup v1",
            "use a daemon that runs as root: rootless nodes need cgroup v2 (https://kind.sigs.k8s.io/docs/user/rootless)",
        )
    } else {
        Check::met(privileged, "it does")
    });
    // A daemon elsewhere has its disk elsewhere.
    let data = Path::new(&info.docker_root_dir);
    if let Some(free) = machine::free_on_disk(data).filter(|_| data.exists()) {
        let need = format!("{} GB of disk for Docker's data, {}", DISK / 1000, data.display());
        let found = format!("{} GB", free / 1000);
        checks.push(if free >= DISK {
            Check::met(need, found)
        } else {
            Check::lacking(need, found, "free some (docker system df shows what takes it)")
        });
    }
    checks
}
