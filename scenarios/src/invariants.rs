//! The state that must not have changed when a scenario ends.

use std::collections::BTreeMap;

use anyhow::Context as _;
use harness::platform::{dapr, redis};
use harness::workloads::store;
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, LogParams};

use crate::pod::Pod;
use crate::tenant::Tenant;

/// The words in the log of a program that panicked: Rust's and Go's.
const PANICS: [&str; 3] = ["panicked at", "panic:", "Observed a panic"];

/// A tenant's syncer and the objects of others, as they were when the scenario began.
#[derive(Clone, Debug)]
#[must_use = "call `assert_unchanged` at the end"]
pub struct Invariants {
    tenants: Vec<Tenant>,
    since: Timestamp,
    control_planes: Vec<Pod>,
    bystanders: BTreeMap<String, String>,
}

impl Invariants {
    /// Records the syncer of a tenant, and the objects that do not belong to that tenant.
    pub async fn of(tenant: &Tenant) -> anyhow::Result<Self> {
        Self::of_all(vec![tenant.clone()]).await
    }

    /// Records the syncers of tenants, and the objects that do not belong to these tenants.
    pub async fn of_all(tenants: Vec<Tenant>) -> anyhow::Result<Self> {
        let mut control_planes = Vec::new();
        for tenant in &tenants {
            control_planes.push(tenant.control_plane().await?);
        }
        let bystanders = bystanders(&tenants).await?;
        Ok(Self {
            tenants,
            since: Timestamp::now(),
            control_planes,
            bystanders,
        })
    }

    /// Checks that nothing has changed: no syncer has restarted or panicked, and every foreign object is the same.
    pub async fn assert_unchanged(self) -> anyhow::Result<()> {
        for (tenant, before) in self.tenants.iter().zip(&self.control_planes) {
            let after = tenant.control_plane().await?;
            anyhow::ensure!(
                after.restarts.get("syncer") == before.restarts.get("syncer") && after.uid == before.uid,
                "the syncer of {} was started again: {after:?}, before: {before:?}",
                tenant.name()
            );
        }
        self.saw_no_panic().await?;
        self.saw_nothing_foreign_change().await
    }

    /// Checks the same after a control plane was killed on purpose. A restart of the control plane is allowed.
    pub async fn is_content_with_a_restart(self) -> anyhow::Result<()> {
        self.saw_no_panic().await?;
        self.saw_nothing_foreign_change().await
    }

    async fn saw_no_panic(&self) -> anyhow::Result<()> {
        for (tenant, pod) in self.tenants.iter().zip(&self.control_planes) {
            let pods: Api<v1::Pod> = Api::namespaced(tenant.host_client().clone(), tenant.namespace());
            let params = LogParams {
                container: Some("syncer".to_owned()),
                since_time: Some(self.since),
                ..LogParams::default()
            };
            let log = pods
                .logs(&pod.name, &params)
                .await
                .context("the log of the syncer")?;
            let panic = log
                .lines()
                .find(|line| PANICS.iter().any(|panic| line.contains(panic)));
            anyhow::ensure!(panic.is_none(), "the syncer of {} said: {panic:?}", tenant.name());
        }
        Ok(())
    }

    async fn saw_nothing_foreign_change(&self) -> anyhow::Result<()> {
        let after = bystanders(&self.tenants).await?;
        let mut changed: Vec<_> = self
            .bystanders
            .iter()
            .filter(|&(what, before)| after.get(what) != Some(before))
            .map(|(what, before)| format!("{what}: {:?}, before: {before:?}", after.get(what)))
            .collect();
        changed.extend(
            after
                .keys()
                .filter(|what| !self.bystanders.contains_key(*what))
                .cloned(),
        );
        anyhow::ensure!(changed.is_empty(), "what is another's was changed: {changed:#?}");
        Ok(())
    }
}

/// Returns the state of the objects that scenarios must not change: the shared platform, and the standard apps and
/// store of the other tenants.
async fn bystanders(tenants: &[Tenant]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let Some(environment) = tenants.first().map(Tenant::environment) else {
        return Ok(found);
    };
    for namespace in [dapr::NAMESPACE, redis::NAMESPACE] {
        let services: Api<v1::Service> = Api::namespaced(environment.host().client.clone(), namespace);
        for service in services.list(&ListParams::default()).await? {
            let what = format!("service {namespace}/{}", service.name_any());
            found.insert(
                what,
                format!("{} {:?}", service.uid().unwrap_or_default(), service.spec),
            );
        }
    }
    for other in environment.tenants().await? {
        if tenants.iter().any(|tenant| tenant.name() == other.name()) {
            continue;
        }
        let host = other.default_space().host().clone();
        let store = host.component(store::NAME).await?;
        let what = store.map(|store| format!("{} {:?}", store.uid, store.content));
        found.insert(format!("{} in {host}", store::NAME), format!("{what:?}"));
        for pod in host.pods().await? {
            found.insert(
                format!("pod {} in {host}", pod.name),
                format!("{} {:?}", pod.uid, pod.restarts),
            );
        }
    }
    Ok(found)
}
