//! The sandbox's own network: an address that leads nowhere else.

use std::fs;
use std::io;
use std::process::Command;

use super::Spec;

/// The interface that carries the sandbox's address, and its other end. Not every kernel has `dummy` links; a pair
/// of virtual Ethernet links does as well.
const LINK: (&str, &str) = ("node0", "node0-peer");

/// Sets it up in the network namespace that the caller is in.
pub(super) fn set_up(spec: &Spec) -> io::Result<()> {
    let address = spec.address.to_string();
    let with_prefix = format!("{address}/24");
    for arguments in [
        &["link", "set", "lo", "up"][..],
        &["link", "add", LINK.0, "type", "veth", "peer", "name", LINK.1],
        &["link", "set", LINK.1, "up"],
        &["address", "add", &with_prefix, "dev", LINK.0],
        &["link", "set", LINK.0, "up"],
        &["route", "add", "default", "via", &address, "dev", LINK.0],
    ] {
        ip(spec, arguments)?;
    }
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    // Rules for Services and published ports must also see what one pod or container sends to another over a bridge.
    fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1").map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("bridge-nf-call-iptables (is br_netfilter loaded?): {error}"),
        )
    })
}

fn ip(spec: &Spec, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(&spec.ip)
        .args(arguments)
        .env_clear()
        .envs(spec.environment.iter().cloned())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "ip {}: {}: {}",
        arguments.join(" "),
        output.status,
        said.trim()
    )))
}
