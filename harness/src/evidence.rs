//! Evidence of a scenario or a stage that failed.
//!
//! Evidence is the objects of the tenants concerned, as the guest has them and as the host has them, and the logs of
//! every container on the host. It is bounded in size and time, and never a reason to fail: the folder itself lists
//! the missing parts. Secrets are left out.

use std::fs;
use std::io::Write;
use std::path::Path;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Namespace, Pod};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, LogParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use provision::wait;

use crate::answer::said;
use crate::plan;

/// The label of host namespaces that a tenant's control plane in this namespace created (vcluster's own).
const OWNER: &str = "vcluster.loft.sh/vcluster-namespace";

/// The namespaces of the shared platform.
const SHARED: [&str; 2] = ["dapr-system", "shared-dapr"];

/// The amount of a container's log that is kept, from its end.
const LOG_LINES: i64 = 1000;
const LOG_BYTES: i64 = 256 * 1024;

/// The number of objects of one kind that are kept per namespace. A scale scenario creates thousands.
const OBJECTS: u32 = 200;

/// The number of requests at a time. An API server in trouble must not get more of it from here.
const REQUESTS: usize = 4;

/// The file that lists the missing parts of the evidence.
const NOTES: &str = "missing.txt";

/// The kinds that are kept: group, version, kind, plural.
const KINDS: [(&str, &str, &str, &str); 8] = [
    ("", "v1", "Pod", "pods"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("", "v1", "Event", "events"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    ("dapr.io", "v1alpha1", "Component", "components"),
];

/// A tenant, and how to ask it.
#[derive(Clone)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// The host namespace of its control plane.
    pub namespace: String,
    /// Acts as its administrator; none if its API server is not there yet.
    pub client: Option<Client>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Witness")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Looks around in an environment.
#[derive(Clone)]
pub struct Collector {
    host: Client,
    tenants: Vec<Witness>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenants: Vec<&str> = self.tenants.iter().map(|tenant| &*tenant.name).collect();
        formatter
            .debug_struct("Collector")
            .field("tenants", &tenants)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// Creates a collector for the host cluster and these tenants.
    #[must_use]
    pub fn new(host: Client, tenants: Vec<Witness>) -> Self {
        Self { host, tenants }
    }

    /// Writes the evidence of the tenants called `concerned` into `folder`.
    pub async fn collect(&self, concerned: &[&str], folder: &Path) {
        let look = async {
            let tenants = self
                .tenants
                .iter()
                .filter(|tenant| concerned.contains(&&*tenant.name));
            for tenant in tenants {
                self.of_tenant(tenant, &folder.join(&tenant.name)).await;
            }
            for namespace in SHARED {
                namespace_of(&self.host, namespace, &folder.join("host")).await;
            }
        };
        if wait::at_most(plan::EVIDENCE, look).await.is_none() {
            note(
                folder,
                &format!(
                    "stopped after {} s; the rest was not collected",
                    plan::EVIDENCE.as_secs()
                ),
            );
        }
    }

    async fn of_tenant(&self, tenant: &Witness, folder: &Path) {
        // The host first: it answers also when the guest's control plane is what broke.
        let on_host = folder.join("host");
        namespace_of(&self.host, &tenant.namespace, &on_host).await;
        let own = ListParams::default().labels(&format!("{OWNER}={}", tenant.namespace));
        match Api::<Namespace>::all(self.host.clone()).list(&own).await {
            Ok(namespaces) => {
                for namespace in namespaces.items.iter().map(ResourceExt::name_any) {
                    if namespace != tenant.namespace {
                        namespace_of(&self.host, &namespace, &on_host).await;
                    }
                }
            }
            Err(error) => note(&on_host, &format!("namespaces: {}", said(&error))),
        }
        if let Some(client) = &tenant.client {
            objects(client, None, &folder.join("guest")).await;
        }
    }
}

/// Writes the objects in a namespace of the host, and its containers' logs.
async fn namespace_of(client: &Client, namespace: &str, folder: &Path) {
    let folder = folder.join(namespace);
    objects(client, Some(namespace), &folder).await;
    logs(client, namespace, &folder.join("logs")).await;
}

async fn objects(client: &Client, namespace: Option<&str>, folder: &Path) {
    let every_kind = futures::stream::iter(KINDS).map(|(group, version, kind, plural)| async move {
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        (plural, api.list(&ListParams::default().limit(OBJECTS)).await)
    });
    let mut listed = every_kind.buffer_unordered(REQUESTS);
    while let Some((plural, list)) = listed.next().await {
        match list {
            Ok(list) if list.items.is_empty() => {}
            Ok(list) => {
                let written =
                    yaml(list.items).map(|text| save(folder, &format!("{plural}.yaml"), text.as_bytes()));
                if let Err(why) = written {
                    note(folder, &format!("{plural}: {why}"));
                }
            }
            Err(error) => note(folder, &format!("{plural}: {}", said(&error))),
        }
    }
}

/// Returns the objects as YAML documents, without the fields that only machines read.
fn yaml(objects: Vec<DynamicObject>) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for mut object in objects {
        object.metadata.managed_fields = None;
        text += "---\n";
        text += &serde_saphyr::to_string(&object)?;
    }
    Ok(text)
}

async fn logs(client: &Client, namespace: &str, folder: &Path) {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    // Objects of the same namespace were asked for before; why it does not answer is noted there.
    let Ok(pods) = api.list(&ListParams::default().limit(OBJECTS)).await else {
        return;
    };
    let logs: Vec<(String, String, bool)> = pods.items.iter().flat_map(containers).collect();
    let mut read = futures::stream::iter(logs)
        .map(|(pod, container, previous)| {
            let api = &api;
            async move {
                let parameters = LogParams {
                    container: Some(container.clone()),
                    previous,
                    tail_lines: Some(LOG_LINES),
                    limit_bytes: Some(LOG_BYTES),
                    ..LogParams::default()
                };
                (
                    format!("{pod}-{container}{}.log", if previous { "-previous" } else { "" }),
                    api.logs(&pod, &parameters).await,
                )
            }
        })
        .buffer_unordered(REQUESTS);
    while let Some((name, log)) = read.next().await {
        match log {
            Ok(log) => save(folder, &name, log.as_bytes()),
            Err(error) => note(folder, &format!("{name}: {}", said(&error))),
        }
    }
}

/// Returns every container of a pod that has a log, and true if it is the log of the previous run.
fn containers(pod: &Pod) -> Vec<(String, String, bool)> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let name = pod.name_any();
    let status = pod.status.as_ref();
    let statuses: Vec<&ContainerStatus> = status
        .into_iter()
        .flat_map(|status| [&status.init_container_statuses, &status.container_statuses])
        .flatten()
        .flatten()
        .collect();
    let restarted = |container: &Container| {
        statuses
            .iter()
            .any(|status| status.name == container.name && status.restart_count > 0)
    };
    spec.init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
        .flat_map(|container| {
            let of = |previous| (name.clone(), container.name.clone(), previous);
            std::iter::once(of(false)).chain(restarted(container).then(|| of(true)))
        })
        .collect()
}

/// Writes a file; a disk that refuses it is noted as far as it takes that.
pub(crate) fn save(folder: &Path, name: &str, content: &[u8]) {
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(name), content));
    if let Err(error) = written {
        tracing::warn!(folder = %folder.display(), name, %error, "did not write evidence");
    }
}

fn note(folder: &Path, text: &str) {
    let written = fs::create_dir_all(folder)
        .and_then(|()| {
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join(NOTES))
        })
        .and_then(|mut file| writeln!(file, "{text}"));
    if let Err(error) = written {
        tracing::warn!(folder = %folder.display(), text, %error, "did not note what is missing");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn a_cluster_that_does_not_answer_is_noted_and_not_waited_for() {
        let refused = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = Client::try_from(refused).unwrap();
        let tenant = Witness {
            name: "tenant-1".to_owned(),
            namespace: "vcluster-tenant-1".to_owned(),
            client: Some(client.clone()),
        };
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        Collector::new(client, vec![tenant])
            .collect(&["tenant-1"], folder.path())
            .await;

        assert!(started.elapsed() < plan::EVIDENCE + Duration::from_secs(5));
        let guest = fs::read_to_string(folder.path().join("tenant-1/guest").join(NOTES)).unwrap();
        assert!(guest.contains("pods: "), "{guest}");
    }

    #[test]
    fn a_restarted_container_has_two_logs() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "app"},
            "spec": {"initContainers": [{"name": "init"}], "containers": [{"name": "app"}, {"name": "daprd"}]},
            "status": {"containerStatuses": [
                {"name": "app", "restartCount": 0, "image": "", "imageID": "", "ready": true},
                {"name": "daprd", "restartCount": 2, "image": "", "imageID": "", "ready": true},
            ]},
        }))
        .unwrap();
        let named: Vec<_> = containers(&pod)
            .into_iter()
            .map(|(_, container, previous)| (container, previous))
            .collect();
        let expected = [("init", false), ("app", false), ("daprd", false), ("daprd", true)];
        assert_eq!(
            named,
            expected.map(|(name, previous)| (name.to_owned(), previous))
        );
    }
}
