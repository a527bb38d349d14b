//! Addresses of the host cluster. They exist only inside of the sandbox's own network namespace, so every sandbox
//! has the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The node, and the address of its API server.
pub const NODE: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);
/// The API server's port.
pub const API_PORT: u16 = 6443;
/// The address on which the API server listens.
pub const API: SocketAddr = SocketAddr::new(IpAddr::V4(NODE), API_PORT);
/// Pods.
pub const PODS: &str = "10.244.0.0/16";
/// Services.
pub const SERVICES: &str = "10.96.0.0/16";
/// The API server's own Service: the first of [`SERVICES`].
pub const API_SERVICE: &str = "10.96.0.1";
/// The cluster's DNS.
pub const DNS: &str = "10.96.0.10";
/// The node's name.
pub const NODE_NAME: &str = "node-1";
/// The cluster's DNS domain.
pub const DOMAIN: &str = "cluster.local";
