//! The fields of a host object that its copy has.

use std::collections::BTreeMap;

use kube::core::ApiResource;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::sync::generic::custom_resources::Status;
use crate::sync::generic::export::without_status;
use crate::sync::pods::nodes;
use crate::sync::to_host::config_objects::TOKEN_TYPE;
use crate::sync::write::object::{Fields, Object};
use crate::sync::write::ownership;

/// A copy, without its name.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Its annotations.
    pub(super) annotations: BTreeMap<String, String>,
    /// Its other fields, without the status.
    pub(super) fields: Fields,
    /// Its status, if it is written separately.
    pub(super) status: Option<Value>,
}

impl Shape {
    /// Returns the copy of an object; `is` says how the status of the kind is written. The copy of a node names the port of the
    /// kubelet API.
    pub(super) fn of(
        host: &Object,
        kind: &ApiResource,
        is: Status,
        kubelet: u16,
    ) -> Result<Self, serde_json::Error> {
        let mut fields = (*host.fields).clone();
        let mut status = None;
        // The host's notes on its nodes are for its own controllers.
        let mut annotations = BTreeMap::new();
        match (kind.group.as_str(), kind.kind.as_str()) {
            ("", "Node") => {
                let spec: Value = host.field("spec")?.unwrap_or_default();
                // Said in any case: admission in the guest gives each new node a taint of its own.
                let taints = spec["taints"].as_array().cloned().unwrap_or_default();
                let unschedulable = spec["unschedulable"].as_bool().unwrap_or_default();
                let shown = json!({"taints": taints, "unschedulable": unschedulable});
                fields = Fields::from([("spec".to_owned(), raw(&shown)?)]);
                status = host.field("status")?.map(|status| node_status(status, kubelet));
            }
            ("", "Service") => {
                let spec: Value = host.field("spec")?.unwrap_or_default();
                fields = Fields::from([("spec".to_owned(), raw(&service(&spec))?)]);
                annotations = ownership::annotations_of_copy(&host.metadata);
            }
            // Without the host's labels and annotations: they tell controllers that these are theirs.
            ("", "Endpoints") => {
                let subsets: Value = host.field("subsets")?.unwrap_or_default();
                fields = Fields::from([("subsets".to_owned(), raw(&addresses(subsets))?)]);
                return Ok(Self {
                    labels: BTreeMap::new(),
                    annotations,
                    fields,
                    status,
                });
            }
            ("", "Secret") => {
                // The guest would put a token of its own there, or remove what has no account.
                if fields.get("type").is_some_and(|kind| kind.get() == TOKEN_TYPE) {
                    fields.insert("type".to_owned(), raw(&json!("Opaque"))?);
                }
                annotations = ownership::annotations_of_copy(&host.metadata);
            }
            _ => {
                annotations = ownership::annotations_of_copy(&host.metadata);
                if is == Status::Subresource {
                    status = host.field("status")?;
                    fields = without_status(&fields);
                }
            }
        }
        Ok(Self {
            labels: ownership::labels_of_copy(&host.metadata),
            annotations,
            fields,
            status,
        })
    }
}

/// Returns the status of a node's copy: its conditions and capacity, without the images, volumes and IDs of the node. Its kubelet
/// is the syncer.
fn node_status(mut status: Value, kubelet: u16) -> Value {
    let Some(fields) = status.as_object_mut() else {
        return status;
    };
    for others in ["images", "volumesAttached", "volumesInUse", "config"] {
        fields.remove(others);
    }
    let theirs = fields
        .get("addresses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let addresses: Vec<Value> = (theirs
        .filter(|address| address["type"] != nodes::KUBELET_ADDRESS)
        .cloned())
    .chain([nodes::kubelet_address()])
    .collect();
    fields.insert("addresses".to_owned(), json!(addresses));
    fields.insert("daemonEndpoints".to_owned(), nodes::endpoints(kubelet));
    if let Some(info) = fields.get_mut("nodeInfo") {
        for id in ["machineID", "systemUUID", "bootID"] {
            info[id] = json!("");
        }
    }
    status
}

/// Returns the spec of a Service's copy, with the same address. The copy has no endpoints of its own: the host's Service serves
/// it.
fn service(host: &Value) -> Value {
    let mut spec = json!({"type": "ClusterIP", "ports": ports(host)});
    if host["type"] == "ExternalName" {
        spec["type"] = json!("ExternalName");
        spec["externalName"] = host["externalName"].clone();
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !host[field].is_null() {
            spec[field] = host[field].clone();
        }
    }
    spec
}

/// Returns the ports of a Service, without its node ports.
pub(crate) fn ports(spec: &Value) -> Vec<Value> {
    let ports = spec["ports"].as_array().cloned().unwrap_or_default();
    (ports.into_iter())
        .map(|mut port| {
            if let Some(fields) = port.as_object_mut() {
                fields.remove("nodePort");
            }
            port
        })
        .collect()
}

/// Returns the endpoints of a Service, without the names of pods and nodes.
pub(crate) fn addresses(mut subsets: Value) -> Value {
    for subset in subsets.as_array_mut().into_iter().flatten() {
        for list in ["addresses", "notReadyAddresses"] {
            let list = subset.get_mut(list).and_then(Value::as_array_mut);
            for address in list.into_iter().flatten() {
                if let Some(fields) = address.as_object_mut() {
                    fields.retain(|field, _| matches!(field.as_str(), "ip" | "hostname"));
                }
            }
        }
    }
    match subsets {
        Value::Null => json!([]),
        subsets => subsets,
    }
}

fn raw(value: &Value) -> Result<Box<RawValue>, serde_json::Error> {
    to_raw_value(value)
}
