//! A tenant whose release is gone, and the objects of its chart's hook.

use serde_json::Value;

use super::tenant::{run, write_kubeconfig};
use super::{Side, Tenant};

/// A tenant without a release. There is no controller for Jobs here: the objects of the hook are created, but for the Job, whose
/// program the test runs.
pub(crate) struct Uninstalled {
    pub(crate) tenant: Tenant,
    arguments: Vec<String>,
}

impl Uninstalled {
    /// Stops the syncer, removes the release, and creates the objects of the hook.
    pub(crate) async fn of(mut tenant: Tenant) -> Self {
        tenant.stop().await;
        let hooks = helm(&tenant, &["get", "hooks"]).await;
        helm(&tenant, &["uninstall", "--no-hooks"]).await;

        let hooks: Vec<Value> = serde_saphyr::from_multiple(&hooks).expect("it is YAML");
        let (jobs, others): (Vec<_>, Vec<_>) = (hooks.into_iter())
            .filter(|hook| !hook.is_null())
            .partition(|hook| hook["kind"] == "Job");
        let admin = tenant.host().await;
        for hook in others {
            let namespace = hook["metadata"]["namespace"].as_str().unwrap_or_default();
            admin.within(namespace).create(hook.clone()).await;
        }
        let pod = &jobs[0]["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().expect("it has one");
        let control_plane = admin.within(tenant.namespace());
        write_kubeconfig(
            tenant.host_side(),
            &control_plane,
            account,
            &tenant.folder().join(CONFIG),
        )
        .await;
        let arguments: Vec<String> =
            serde_json::from_value(pod["containers"][0]["args"].clone()).expect("they are text");
        Self { tenant, arguments }
    }

    /// Runs the program of the Job to its end.
    pub(crate) async fn removes(&self) {
        let arguments = [&self.arguments[..], &[format!("--host-kubeconfig={CONFIG}")]].concat();
        run(self.tenant.host_side().syncer(), &arguments, self.tenant.folder()).await;
    }

    /// Returns the client of the account that it runs as.
    pub(crate) async fn account(&self) -> Side {
        Side::connect(&self.tenant.folder().join(CONFIG)).await
    }
}

const CONFIG: &str = "uninstall.kubeconfig";

/// Returns Helm's output about the tenant's release.
async fn helm(tenant: &Tenant, command: &[&str]) -> String {
    let helm = tenant.host_side().helm().command();
    let said = helm
        .args(command)
        .args([tenant.name(), "--namespace", tenant.namespace()])
        .text()
        .await;
    said.expect("the release is there")
}
