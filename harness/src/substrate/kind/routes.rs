//! The routes between the nodes' pods, if no network plugin creates them.
//!
//! Each node's containerd gives its pods addresses of the node's own range. A node reaches those of another through
//! that node, which is on the same network: by one route each, as kind's own network plugin sets them.

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use provision::docker::Docker;
use provision::wait::{self, Budget, Seen};

use super::Error;

/// The controller manager gives a node its range when it sees it.
const RANGES: Budget = Budget::seconds(60);

struct Range {
    node: String,
    address: String,
    pods: String,
}

/// Tells every node the way to the pods of every other.
pub(super) async fn lay(client: &Client, docker: &Docker) -> Result<(), Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let ranges = wait::until("the nodes to have ranges for their pods", RANGES, async || {
        let listed = nodes.list(&ListParams::default()).await?;
        let ranges: Option<Vec<Range>> = listed.items.iter().map(range).collect();
        Ok(match ranges {
            Some(ranges) if !ranges.is_empty() => Seen::Ready(ranges),
            _ => Seen::not_yet("one has none"),
        })
    })
    .await?;
    for from in &ranges {
        for to in ranges.iter().filter(|to| to.node != from.node) {
            let route = ["ip", "route", "replace", &to.pods, "via", &to.address];
            docker.exec(&from.node, &route).await?;
        }
    }
    Ok(())
}

fn range(node: &Node) -> Option<Range> {
    let status = node.status.as_ref()?;
    let address = status
        .addresses
        .iter()
        .flatten()
        .find(|address| address.type_ == "InternalIP")?;
    Some(Range {
        node: node.name_any(),
        address: address.address.clone(),
        pods: node.spec.as_ref()?.pod_cidr.clone()?,
    })
}
