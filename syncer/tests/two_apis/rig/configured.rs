//! A tenant whose engine runs in this process, for settings that the values have no key for.
//!
//! The engine has the syncer's own accounts on both sides. The permissions that it needs beyond the chart's roles are created
//! here, as somebody with such a configuration has to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use provision::values::BLOG;
use provision::wait::{self, Seen};
use serde_json::{Value, json};
use syncer::sync::{self, Config, Metrics, Readiness};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vcluster_values::admission::Admission;
use vcluster_values::from_host::{FromHost, HostKind};
use vcluster_values::mapping::Mapping;
use vcluster_values::naming;

use super::{Host, STARTED, Side, Tenant, background, namespace};

/// A host namespace of which single objects are shown: a ConfigMap `settings`, and a Service `redis`.
pub(crate) const ONE: &str = "shows-one";

/// A host namespace of which all ConfigMaps and Secrets are shown.
pub(crate) const ALL: &str = "shows-all";

/// The guest namespace of the copies of both.
pub(crate) const HOUSE: &str = "house";

impl Tenant {
    /// Returns the tenant of the tests that share such an engine.
    pub(crate) async fn configured() -> Arc<Self> {
        static TENANT: OnceCell<Arc<Tenant>> = OnceCell::const_new();
        Host::shared().await;
        background::shared(&TENANT, || async {
            // The chart's policies go by the values, and what this engine shows is not in them.
            let values = format!("{BLOG}\ndefaults: {{policies: {{runtimeClasses: ['*']}}}}\n");
            let mut tenant = Self::with_values("configured", &values).await;
            tenant.stop().await;
            give_rights(&tenant).await;
            let config = config(&tenant).await;
            run(&tenant, config, CancellationToken::new()).await;
            Arc::new(tenant)
        })
        .await
    }
}

async fn config(tenant: &Tenant) -> Config {
    let mapping = |from: &str, to: &str| Mapping::parse(from, to, tenant.namespace()).expect("it is one");
    let all = mapping(&format!("{ALL}/*"), &format!("{HOUSE}/*"));
    let one = |from: &str, to: &str| mapping(&format!("{ONE}/{from}"), &format!("{HOUSE}/{to}"));
    Config {
        from_host: FromHost {
            kinds: [
                (HostKind::PriorityClass, "shown=yes".to_owned()),
                (HostKind::RuntimeClass, String::new()),
            ]
            .into(),
            config_maps: vec![one("settings", "renamed"), all.clone()],
            secrets: vec![all],
            services: vec![one("redis", "redis")],
            cluster_scoped: [].into(),
        },
        ..plain(tenant).await
    }
}

/// Returns the configuration of an engine that syncs only what it always does.
pub(super) async fn plain(tenant: &Tenant) -> Config {
    let host = tenant.host().await.within(tenant.namespace());
    let service = host.get("Service", tenant.name()).await;
    let address = service.expect("the chart makes it")["spec"]["clusterIP"].clone();
    Config {
        tenant: naming::Tenant::new(tenant.name(), tenant.namespace()),
        exports: Vec::new(),
        imports: Vec::new(),
        core: [].into(),
        from_host: FromHost::default(),
        unnamed: sync::Unnamed::default(),
        services_to_host: Vec::new(),
        admission: Admission::default(),
        limits: sync::Limits::default(),
        cluster_domain: "cluster.local".to_owned(),
        api_server_service_ip: serde_json::from_value(address).expect("it has an address"),
        tenant_role: format!("vc-{}-v-{}-tenant", tenant.name(), tenant.namespace()),
        namespace_labels: BTreeMap::new(),
        namespaces: 100,
        bounds: sync::Bounds::default(),
        // Nobody asks this engine's nodes.
        kubelet_port: 10250,
    }
}

/// Runs an engine, and returns once it has reconciled everything.
pub(super) async fn run(tenant: &Tenant, config: Config, stop: CancellationToken) -> JoinHandle<()> {
    let (host, guest) = (
        tenant.account().await.client(),
        tenant.guest_account().await.client(),
    );
    let metrics = Metrics::register(&mut Registry::default());
    let readiness = Readiness::new();
    let engine = sync::run(config, host, guest, metrics, readiness.clone(), stop);
    let engine = tokio::spawn(async move { engine.await.expect("the configuration can be used") });
    wait::until("an engine", STARTED, || async {
        Ok::<_, String>(if readiness.is_ready() {
            Seen::Ready(())
        } else {
            Seen::NotYet(readiness.waiting_for().join(", "))
        })
    })
    .await
    .expect("it looks at everything");
    engine
}

/// Creates the host namespaces, and lets the syncer's account read the objects there that are shown, and nothing else.
async fn give_rights(tenant: &Tenant) {
    let host = tenant.host().await;
    let may = |groups: &str, resources: &[&str], names: &[&str]| {
        let mut rule =
            json!({"apiGroups": [groups], "resources": resources, "verbs": ["get", "list", "watch"]});
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    };
    for (name, rules) in [
        (
            ONE,
            vec![
                may("", &["configmaps"], &["settings"]),
                may("", &["services", "endpoints"], &["redis"]),
            ],
        ),
        (ALL, vec![may("", &["configmaps", "secrets"], &[])]),
    ] {
        host.create(namespace(name)).await;
        grant(&host.within(name), "Role", "RoleBinding", tenant, &rules).await;
    }
    let classes = [
        may("scheduling.k8s.io", &["priorityclasses"], &[]),
        may("node.k8s.io", &["runtimeclasses"], &[]),
    ];
    grant(&host, "ClusterRole", "ClusterRoleBinding", tenant, &classes).await;
}

async fn grant(host: &Side, role: &str, binding: &str, tenant: &Tenant, rules: &[Value]) {
    let group = "rbac.authorization.k8s.io";
    let name = format!("shown-to-{}", tenant.name());
    let object =
        |kind: &str| json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": name}});
    let mut rights = object(role);
    rights["rules"] = json!(rules);
    host.create(rights).await;
    let mut bound = object(binding);
    bound["roleRef"] = json!({"apiGroup": group, "kind": role, "name": name});
    let account = format!("vc-{}", tenant.name());
    bound["subjects"] = json!([{"kind": "ServiceAccount", "name": account, "namespace": tenant.namespace()}]);
    host.create(bound).await;
}
