//! The configuration files of dockerd and its containerd.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use provision::command::Command;
use rustix::thread::{CapabilitySet, capabilities};
use serde_json::{Value, json};

use super::{ADDRESS, CONTAINERD_SOCKET, PROGRAMS, Request, runtime};
use crate::cgroup_name;

/// The file of containerd in the run folder.
pub(super) const CONTAINERD: &str = "containerd.toml";

/// The file of dockerd in the run folder.
pub(super) const DOCKERD: &str = "dockerd.json";

/// The name of the runtime with fewer privileges, in the daemon's configuration.
const RUNTIME: &str = "runc-without-sys-resource";

/// Writes them into the run folder, with what they name.
pub(super) fn write(request: &Request) -> io::Result<()> {
    std::fs::write(request.path(CONTAINERD), containerd(request))?;
    let mut dockerd = dockerd(request);
    if !may_raise_limits()? {
        dockerd["default-runtime"] = RUNTIME.into();
        dockerd["runtimes"] = json!({ RUNTIME: { "path": runtime(request)? } });
    }
    std::fs::write(request.path(DOCKERD), format!("{dockerd:#}\n"))
}

fn containerd(request: &Request) -> String {
    format!(
        r#"version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{opt}"
"#,
        root = request.path("containerd").display(),
        opt = request.path("containerd-opt").display(),
    )
}

/// Returns dockerd's configuration. No name server of the machine is asked: the names that a container resolves must
/// not depend on the machine.
fn dockerd(request: &Request) -> Value {
    json!({
        "data-root": request.path("data"),
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "group": "root",
        "storage-driver": "overlay2",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": format!("/{}", cgroup_name(&request.name)),
        "default-cgroupns-mode": "private",
        "dns": [ADDRESS],
        "dns-search": ["."],
        "ip6tables": false,
        "log-level": "warn",
    })
}

/// Returns true if this process, and so the daemon, may raise resource limits. Root may, but not in most containers.
fn may_raise_limits() -> io::Result<bool> {
    Ok(capabilities(None)?
        .effective
        .contains(CapabilitySet::SYS_RESOURCE))
}

/// Makes the runtime that asks for less: a script, since a runtime is one file that takes the arguments of runc.
fn runtime(request: &Request) -> io::Result<PathBuf> {
    let script = request.path(PROGRAMS).join(RUNTIME);
    let command = Command::new(request.own_program())
        .arg(runtime::COMMAND)
        .arg(request.packages.path("runc"))
        .arg("--");
    std::fs::write(&script, format!("#!/bin/sh\nexec {command} \"$@\"\n"))?;
    std::fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Ok(script)
}
