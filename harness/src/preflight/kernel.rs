//! The requirements of a sandbox on the kernel, and on the user.

use std::fs;
use std::path::Path;
use std::time::Duration;

use provision::command::Command;

use super::Check;

/// Making namespaces takes milliseconds.
const PROBE: Duration = Duration::from_secs(10);

/// Controllers that the kubelet insists on.
const CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

pub(super) async fn inspect() -> Vec<Check> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let filesystems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    vec![
        linux(std::env::consts::OS),
        root(rustix::process::geteuid().as_raw()),
        cgroups(&mounts, &controllers),
        namespaces().await,
        overlay(&filesystems),
        bridge_netfilter(Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists()),
        veth().await,
    ]
}

fn linux(system: &str) -> Check {
    if system == "linux" {
        Check::met("Linux", system)
    } else {
        Check::lacking(
            "Linux",
            system,
            "run it on Linux, for instance in a virtual machine",
        )
    }
}

fn root(user: u32) -> Check {
    if user == 0 {
        return Check::met("root", "user 0");
    }
    let remedy = "run it as root (sudo -E keeps PATH's Go and cargo if sudo is set up to); namespaces, mounts and cgroups need it";
    Check::lacking("root", format!("user {user}"), remedy)
}

/// Checks that there are cgroups of version 2, or of version 1 with every controller that the kubelet insists on.
fn cgroups(mounts: &str, v2_controllers: &str) -> Check {
    let need = format!("cgroups with {}", CONTROLLERS.join(", "));
    let missing = |has: &dyn Fn(&str) -> bool| -> Vec<&str> {
        CONTROLLERS
            .into_iter()
            .filter(|controller| !has(controller))
            .collect()
    };
    let v2 = missing(&|controller| v2_controllers.split_whitespace().any(|word| word == controller));
    let of_v1 = |line: &str, controller: &str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some("cgroup")
            && fields
                .next()
                .is_some_and(|options| options.split(',').any(|option| option == controller))
    };
    let v1 = missing(&|controller| mounts.lines().any(|line| of_v1(line, controller)));
    if v2.is_empty() {
        Check::met(need, "version 2")
    } else if v1.is_empty() {
        Check::met(need, "version 1")
    } else {
        let (version, lacks) = if v2.len() <= v1.len() { (2, v2) } else { (1, v1) };
        Check::lacking(
            need,
            format!("version {version} without {}", lacks.join(", ")),
            "mount cgroup2 at /sys/fs/cgroup, with these controllers in its cgroup.subtree_control",
        )
    }
}

async fn namespaces() -> Check {
    let need = "mount, network, uts, ipc and pid namespaces";
    let try_it = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--mount-proc",
            "true",
        ])
        .at_most(PROBE);
    match try_it.run().await {
        Ok(_) => Check::met(need, "can be made"),
        Err(error) if error.is_missing() => {
            Check::lacking(need, "no `unshare` to make them with", "install util-linux")
        }
        Err(error) => Check::lacking(
            need,
            error.to_string(),
            "run it as root; in a container, one that is privileged or has CAP_SYS_ADMIN and CAP_NET_ADMIN",
        ),
    }
}

fn overlay(filesystems: &str) -> Check {
    let need = "the overlay file system";
    if filesystems.split_whitespace().any(|word| word == "overlay") {
        Check::met(need, "known to the kernel")
    } else {
        Check::lacking(need, "not known to the kernel", "modprobe overlay")
    }
}

fn bridge_netfilter(there: bool) -> Check {
    let need = "netfilter for bridges";
    if there {
        Check::met(need, "known to the kernel")
    } else {
        Check::lacking(need, "no /proc/sys/net/bridge", "modprobe br_netfilter")
    }
}

/// Makes a pair of links in a network namespace that ends with the command.
async fn veth() -> Check {
    let need = "virtual Ethernet links";
    let try_it = Command::new("unshare")
        .args([
            "--net", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1",
        ])
        .at_most(PROBE);
    match try_it.finish().await {
        Ok(finished) if finished.status.success() => Check::met(need, "can be made"),
        // 127 is unshare's code for a program that is not there; the run brings its own.
        Ok(finished) if finished.status.code() == Some(127) => Check::met(need, "not tried, without an `ip`"),
        Ok(finished) => {
            let said = String::from_utf8_lossy(&finished.stderr);
            Check::lacking(need, said.trim(), "modprobe veth; as root")
        }
        Err(error) => Check::lacking(need, error.to_string(), "install util-linux"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const V1: &str = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0";

    #[rstest]
    #[case::v1(V1, "", true, "version 1")]
    #[case::v2("", "cpuset cpu io memory hugetlb pids rdma misc", true, "version 2")]
    #[case::v2_in_part("", "cpu memory", false, "version 2 without cpuset, pids")]
    #[case::v1_with_an_empty_unified_one(
        &V1.replace(",relatime,pids", ""), "", false, "version 1 without pids"
    )]
    fn cgroups_are(#[case] mounts: &str, #[case] v2: &str, #[case] met: bool, #[case] found: &str) {
        let check = cgroups(mounts, v2);
        assert_eq!((check.met, &*check.found), (met, found));
    }

    #[test]
    fn a_user_who_is_not_root_gets_an_error() {
        let check = root(1000);
        assert_eq!((check.met, &*check.found), (false, "user 1000"));
    }
}
