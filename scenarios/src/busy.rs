//! A machine whose processors are all busy, for a bounded time.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context as _;
use tokio::process::Command;

use crate::environment::Environment;

/// The time that the processors are busy.
const SECONDS: u32 = 120;

/// The number of processes for each processor.
const PROCESSES: usize = 50;

/// The weight of an ordinary process or cgroup, by the file that has it: in cgroups v1 and v2.
const WEIGHTS: [(&str, u64, u64); 2] = [("cpu.shares", 1024, 262_144), ("cpu.weight", 100, 10_000)];

/// Keeps the processors of a native host cluster busy for two minutes, and returns the load average at the end of that.
///
/// The processes are in the environment's own cgroup, next to its host cluster and its pods. They have the weight that
/// the same number of the machine's other processes would have. Each ends by itself, even if this function does not.
pub async fn keep_busy(environment: &Environment) -> anyhow::Result<f64> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let processes = PROCESSES * processors;
    let group = Group::make(&sandbox::cgroup_name(environment.name()), processes)?;
    let script = format!(
        "echo $$ > {}/cgroup.procs || exit 1\n\
         for process in $(seq {processes}); do timeout {SECONDS} sh -c 'while :; do :; done' & done\n\
         wait; cat /proc/loadavg",
        group.0.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().await?;
    anyhow::ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout)?;
    let first = said.split_whitespace().next().context("no load average")?;
    Ok(first.parse()?)
}

/// A cgroup of the environment that shares processors by weight. It is removed when this value is dropped.
struct Group(PathBuf);

impl Group {
    /// Creates the cgroup with the weight of this number of processes.
    fn make(environment: &str, processes: usize) -> anyhow::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies = fs::read_dir(root)?.collect::<io::Result<Vec<_>>>()?;
        let below = hierarchies
            .iter()
            .map(|hierarchy| hierarchy.path().join(environment));
        let mut found = below
            .chain([root.join(environment)])
            .flat_map(|group| WEIGHTS.map(|(file, ordinary, most)| (group.clone(), file, ordinary, most)))
            .filter(|(group, file, ..)| group.join(file).exists());
        let (parent, file, ordinary, most) = found
            .next()
            .context("the environment has no cgroup for processors")?;
        let group = Self(parent.join("busy"));
        fs::create_dir_all(&group.0)?;
        let weight = (ordinary * u64::try_from(processes)?).min(most);
        fs::write(group.0.join(file), weight.to_string())?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is left is removed with the environment.
        let _ = fs::remove_dir(&self.0);
    }
}
