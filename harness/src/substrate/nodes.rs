//! When a cluster's nodes are ready.

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use provision::wait::{self, Budget, Seen};

/// Waits until there are nodes and all of them are ready.
pub(super) async fn ready(client: &Client, budget: Budget) -> Result<(), wait::Error<kube::Error>> {
    let nodes: Api<Node> = Api::all(client.clone());
    wait::until("the nodes to be ready", budget, async || {
        let nodes = nodes.list(&ListParams::default()).await?.items;
        if nodes.is_empty() {
            return Ok(Seen::not_yet("no kubelet has registered one"));
        }
        let lacks: Vec<String> = nodes.iter().filter_map(lack).collect();
        Ok(if lacks.is_empty() {
            Seen::Ready(())
        } else {
            Seen::not_yet(lacks.join(", "))
        })
    })
    .await
}

/// Returns the message of a node if it is not ready.
fn lack(node: &Node) -> Option<String> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.and_then(|all| all.iter().find(|condition| condition.type_ == "Ready"));
    match ready {
        Some(condition) if condition.status == "True" => None,
        Some(condition) => {
            let says = condition.message.as_deref().unwrap_or_default();
            Some(format!("{}: {says}", node.name_any()))
        }
        None => Some(format!("{}: the kubelet has not said", node.name_any())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(status: &serde_json::Value) -> Node {
        serde_json::from_value(json!({"metadata": {"name": "node-1"}, "status": status})).unwrap()
    }

    #[test]
    fn a_node_that_has_said_nothing_is_not_ready() {
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(lack(&node(&ready)), None);
        let not_ready =
            json!({"conditions": [{"type": "Ready", "status": "False", "message": "no network"}]});
        assert_eq!(lack(&node(&not_ready)).as_deref(), Some("node-1: no network"));
        assert_eq!(
            lack(&node(&json!({}))).as_deref(),
            Some("node-1: the kubelet has not said")
        );
    }
}
