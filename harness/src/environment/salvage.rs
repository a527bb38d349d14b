//! Evidence of an environment that did not come up, collected before the environment is removed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use provision::places::Places;

use crate::evidence::{self, Collector, Witness};
use crate::plan::Plan;
use crate::substrate;

/// The folder for the logs of the host cluster's processes.
const PROCESSES: &str = "host-processes";

/// The number of bytes that are kept from the end of a process' log.
const BYTES: u64 = 1024 * 1024;

/// Copies the logs of the host cluster's processes to `into`, and the objects and container logs of the tenants as far as the
/// host cluster answers. Returns true if there was anything to copy.
pub async fn salvage(plan: &Plan, places: &Places, into: &Path) -> bool {
    let folder = places.environment(&plan.name);
    processes(&sandbox::logs(&folder.join("host")), &into.join(PROCESSES));
    if let Ok(host) = substrate::client(&super::kubeconfig(&folder)).await {
        let mut tenants = Vec::new();
        for tenant in &plan.tenants {
            let kubeconfig = folder.join("tenants").join(format!("{}.kubeconfig", tenant.name));
            tenants.push(Witness {
                name: tenant.name.clone(),
                namespace: tenant.namespace.clone(),
                client: substrate::client(&kubeconfig).await.ok(),
            });
        }
        let all: Vec<&str> = plan.tenants.iter().map(|tenant| &*tenant.name).collect();
        Collector::new(host, tenants).collect(&all, into).await;
    }
    into.is_dir()
}

/// Copies the ends of all logs in `logs`.
fn processes(logs: &Path, into: &Path) {
    for log in fs::read_dir(logs).into_iter().flatten().flatten() {
        // One that cannot be read is missing from the evidence; the failure itself is what is reported.
        if let Ok(text) = end_of(&log.path()) {
            evidence::save(into, &log.file_name().to_string_lossy(), &text);
        }
    }
}

fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_processes_logs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        fs::write(logs.join("kubelet.log"), "it does not start\n").unwrap();
        let long = [vec![b'.'; usize::try_from(BYTES).unwrap()], b"the end".to_vec()].concat();
        fs::write(logs.join("etcd.log"), &long).unwrap();
        let into = folder.path().join("kept");
        processes(&logs, &into);
        assert_eq!(
            fs::read_to_string(into.join("kubelet.log")).unwrap(),
            "it does not start\n"
        );
        let kept = fs::read(into.join("etcd.log")).unwrap();
        assert_eq!(u64::try_from(kept.len()).unwrap(), BYTES);
        assert!(kept.ends_with(b"the end"));
    }

    #[test]
    fn where_nothing_was_begun_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("kept");
        processes(&folder.path().join("logs"), &into);
        assert!(!into.exists());
    }
}
