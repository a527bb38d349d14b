//! The list of Kubernetes' own kinds that are cluster-scoped, compared with an API server.

use std::collections::BTreeSet;

use vcluster_values::kinds::builtin::CLUSTER_SCOPED;

use crate::rig::Tenant;

/// A new Kubernetes has other kinds.
#[tokio::test]
async fn the_cluster_scoped_kinds_of_kubernetes_are_known() {
    let host = Tenant::shared().await.host().await;
    let known: BTreeSet<_> = CLUSTER_SCOPED.iter().copied().collect();
    let discovery = kube::discovery::Discovery::new(host.client());
    // Another test serves this one by a server of its own.
    let discovery = discovery
        .exclude(&["metrics.k8s.io"])
        .run()
        .await
        .expect("the host answers");
    let mut seen = 0;
    for group in discovery.groups() {
        let name = group.name();
        // A group with a dot and without this ending is a custom one.
        if name.contains('.') && !name.ends_with(".k8s.io") {
            continue;
        }
        for (kind, capabilities) in group.resources_by_stability() {
            let found = (kind.group.as_str(), kind.kind.as_str(), kind.plural.as_str());
            let is_cluster_scoped = capabilities.scope == kube::discovery::Scope::Cluster;
            assert_eq!(known.contains(&found), is_cluster_scoped, "{found:?}");
            seen += usize::from(is_cluster_scoped);
        }
    }
    assert!(seen > 20, "{seen} of {}", known.len());
}
