//! Limits of a virtual cluster on the host. They hold by default; a values file widens or narrows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admission::Level;

/// Limits of a virtual cluster on the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policies {
    /// The Pod Security Standard that its host namespaces enforce.
    pub pod_security_standard: Level,
    /// Maximum number of namespaces on the host.
    pub namespaces: usize,
    /// Maximum size of its objects on the host, in MiB.
    pub mebibytes: u32,
    /// Labels of guest namespaces that their host namespaces get under the same key, so that the host's policies, meshes and
    /// webhooks can select by them. A `*` at the end matches any rest. Other labels get a key of the virtual cluster's.
    pub namespace_labels: Vec<String>,
    /// Keys of taints that its pods may tolerate, besides those that Kubernetes' own controllers add to pods. A `*` at the end
    /// matches any rest.
    pub tolerations: Vec<String>,
    /// Runtime classes of the host that its pods may name, besides those that the host shows.
    pub runtime_classes: Vec<String>,
    /// CSI drivers that its pods may use in inline volumes.
    pub csi_drivers: Vec<String>,
    /// The resource quota of each of its host namespaces.
    pub resource_quota: ResourceQuota,
    /// Default requests and limits of containers, and their minimum and maximum.
    pub limit_range: LimitRange,
    /// Connections that its pods may accept and open.
    pub network_policy: NetworkPolicy,
}

/// A `ResourceQuota` in each host namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceQuota {
    /// True if it exists.
    pub enabled: bool,
    /// Quantities by resource, as in `spec.hard`; an empty text removes a default.
    pub quota: BTreeMap<String, Value>,
}

/// A `LimitRange` for containers in each host namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitRange {
    /// True if it exists.
    pub enabled: bool,
    /// Limits of containers that have none.
    pub default: BTreeMap<String, Value>,
    /// Requests of containers that have none.
    pub default_request: BTreeMap<String, Value>,
    /// Minimum request of a container.
    pub min: BTreeMap<String, Value>,
    /// Maximum limit of a container.
    pub max: BTreeMap<String, Value>,
}

/// A `NetworkPolicy` in each host namespace. Its pods accept connections only from the virtual cluster, and open them to the
/// virtual cluster, to the host namespaces given here, to the host's DNS, and to the addresses given here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// True if it exists.
    pub enabled: bool,
    /// Namespaces of the host that its pods may connect to.
    pub host_namespaces: Vec<String>,
    /// Further addresses that its pods may connect to.
    pub outgoing_connections: OutgoingConnections,
}

/// Addresses outside of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutgoingConnections {
    /// The addresses, in Kubernetes' own form.
    pub ip_block: IpBlock,
}

/// A range of addresses, in Kubernetes' own form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpBlock {
    /// The range; if empty, there is none.
    pub cidr: String,
    /// Excluded ranges.
    pub except: Vec<String>,
}

impl Default for ResourceQuota {
    fn default() -> Self {
        Self {
            enabled: true,
            quota: quantities([
                ("pods", "100"),
                ("services", "200"),
                // The whole host has some 2,700 node ports.
                ("services.nodeports", "20"),
                ("services.loadbalancers", "5"),
                ("secrets", "1000"),
                ("configmaps", "1000"),
                ("persistentvolumeclaims", "50"),
                ("requests.storage", "1Ti"),
                ("requests.cpu", "32"),
                ("requests.memory", "64Gi"),
            ]),
        }
    }
}

impl Default for LimitRange {
    /// A quota on requests needs each container to have some. Limits have no default: a container that requests more than
    /// a default limit would be refused.
    fn default() -> Self {
        Self {
            enabled: true,
            default: BTreeMap::new(),
            default_request: quantities([("cpu", "5m"), ("memory", "16Mi")]),
            min: BTreeMap::new(),
            max: BTreeMap::new(),
        }
    }
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            host_namespaces: vec!["dapr-system".to_owned()],
            outgoing_connections: OutgoingConnections::default(),
        }
    }
}

impl Default for OutgoingConnections {
    /// Returns vcluster's default: the Internet, and no private network.
    fn default() -> Self {
        Self {
            ip_block: IpBlock {
                cidr: "0.0.0.0/0".to_owned(),
                except: [
                    "100.64.0.0/10",
                    "127.0.0.0/8",
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",
                    "169.254.0.0/16",
                ]
                .map(ToOwned::to_owned)
                .into(),
            },
        }
    }
}

impl Default for IpBlock {
    fn default() -> Self {
        OutgoingConnections::default().ip_block
    }
}

fn quantities<const N: usize>(quantities: [(&str, &str); N]) -> BTreeMap<String, Value> {
    quantities
        .map(|(resource, quantity)| (resource.to_owned(), json!(quantity)))
        .into()
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            pod_security_standard: Level::default(),
            namespaces: 100,
            mebibytes: 64,
            namespace_labels: Vec::new(),
            tolerations: Vec::new(),
            runtime_classes: Vec::new(),
            csi_drivers: Vec::new(),
            resource_quota: ResourceQuota::default(),
            limit_range: LimitRange::default(),
            network_policy: NetworkPolicy::default(),
        }
    }
}
