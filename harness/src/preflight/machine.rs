//! The machine's memory, processors and disks.

use std::fs;
use std::path::Path;

use crate::plan::Machine;

/// Files of the two cgroup versions with a limit and its usage.
const LIMITS: [(&str, &str); 2] = [
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
];

/// Returns the resources of this machine. In a container, these are the resources that the container may use. Docker
/// is not asked.
#[must_use]
pub fn here() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let limits = LIMITS.map(|(limit, used)| {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        below_limit(&text(limit), &text(used))
    });
    let free = available(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    Machine {
        cores: u64::try_from(cores).unwrap_or(u64::MAX),
        free_megabytes: limits.into_iter().flatten().fold(free, u64::min),
        docker: false,
    }
}

/// Returns the space that a user may still write to the file system of `path`, or of its nearest existing ancestor,
/// in MB.
#[must_use]
pub fn free_on_disk(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000)
}

/// Returns true if two paths are on one file system.
#[must_use]
pub fn same_disk(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| {
        let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
        rustix::fs::stat(existing).ok().map(|status| status.st_dev)
    };
    id(one) == id(other)
}

/// Returns `MemAvailable` of `/proc/meminfo`, in MB.
fn available(meminfo: &str) -> u64 {
    let kilobytes = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024 / 1_000_000
}

/// Returns the memory that is left below a cgroup's limit, in MB, if it has one.
fn below_limit(limit: &str, used: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    // Version 1 says "no limit" by a number beyond any memory.
    (limit < 1 << 60).then(|| limit.saturating_sub(used) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn this_machine_has_something() {
        let machine = here();
        assert!(machine.cores >= 1 && machine.free_megabytes > 0, "{machine:?}");
        assert!(free_on_disk(Path::new("/no/such/folder")).is_some());
    }

    #[rstest]
    #[case::none_v2("max\n", "100\n", None)]
    #[case::none_v1("9223372036854771712\n", "100\n", None)]
    #[case::some("6000000000\n", "1000000000\n", Some(5000))]
    #[case::not_there("", "", None)]
    fn a_cgroup_leaves(#[case] limit: &str, #[case] used: &str, #[case] left: Option<u64>) {
        assert_eq!(below_limit(limit, used), left);
    }
}
