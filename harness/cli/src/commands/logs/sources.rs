//! The logs of an environment that is up or is coming up.

use std::fs;
use std::path::{Path, PathBuf};

use harness::environment;
use harness::labels::{OF_NAMESPACE, RUN};
use harness::plan::names::NAMESPACE_PREFIX;
use harness::run;
use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Pod};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use super::super::Context;
use crate::Failure;

/// The namespaces of the host cluster whose pods are named without a tenant.
const SHARED: [&str; 3] = ["dapr-system", "shared-dapr", "kube-system"];

/// A log that can be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The name that a user asks for it by.
    pub(super) name: String,
    /// The place of its content.
    pub(super) of: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Container {
        namespace: String,
        pod: String,
        container: String,
        /// True if an earlier run of it has a log.
        restarted: bool,
    },
}

/// All logs of an environment.
pub(super) struct Logged {
    pub(super) logs: Vec<Log>,
    /// The host cluster, if it is there yet.
    pub(super) client: Option<Client>,
}

/// A tenant, as far as its logs are concerned.
struct Tenant {
    name: String,
    namespace: String,
}

impl Logged {
    /// Looks for all logs of the environment.
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let folder = context.places.environment(context.name());
        let mut logs = of_processes(&folder)?;
        match context.attached() {
            Ok(attached) => {
                let client = run::client(&attached.kubeconfig).await?;
                let tenants = attached.tenants.iter().map(|tenant| Tenant {
                    name: tenant.name.clone(),
                    namespace: tenant.namespace.clone(),
                });
                logs.extend(of_cluster(&client, &tenants.collect::<Vec<_>>()).await?);
                Ok(Self {
                    logs,
                    client: Some(client),
                })
            }
            // It is coming up, or did not come up whole: what there is of its cluster, if that answers.
            Err(Failure::Environment(environment::Error::NotUp { .. })) if folder.exists() => {
                let client = run::client(&environment::kubeconfig(&folder)).await.ok();
                if let Some(client) = &client {
                    let tenants = tenants_of_run(client, &folder).await.unwrap_or_default();
                    logs.extend(of_cluster(client, &tenants).await.unwrap_or_default());
                }
                Ok(Self { logs, client })
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns the tenants that the run in `folder` has created so far: their namespaces have its label.
async fn tenants_of_run(client: &Client, folder: &Path) -> Result<Vec<Tenant>, Failure> {
    let run = environment::of_cut_off(folder).unwrap_or_default();
    let own = ListParams::default().labels(&format!("{RUN}={run}"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let listed = namespaces
        .list_metadata(&own)
        .await
        .map_err(asked("namespaces"))?;
    let tenants = listed.iter().filter_map(|namespace| {
        let namespace = namespace.name_any();
        let name = namespace.strip_prefix(NAMESPACE_PREFIX)?.to_owned();
        Some(Tenant { name, namespace })
    });
    Ok(tenants.collect())
}

/// Returns the containers of the host cluster.
async fn of_cluster(client: &Client, tenants: &[Tenant]) -> Result<Vec<Log>, Failure> {
    let mut logs = Vec::new();
    for namespace in SHARED {
        let pods = pods(client, namespace).await?;
        logs.extend(pods.iter().flat_map(|pod| {
            let app = app(pod);
            containers(pod).into_iter().map(move |container| Log {
                name: format!("{app}/{container}"),
                of: container_of(pod, &container),
            })
        }));
    }
    for tenant in tenants {
        logs.extend(of_tenant(client, tenant).await?);
    }
    Ok(logs)
}

/// Returns the processes of the native host cluster, which log to files.
fn of_processes(folder: &Path) -> Result<Vec<Log>, Failure> {
    let folder = folder.join("host/logs");
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let mut logs = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|source| Failure::Read {
                path: folder.clone(),
                source,
            })?
            .path();
        if let Some(name) = path.file_stem() {
            logs.push(Log {
                name: name.to_string_lossy().into_owned(),
                of: Source::File(path),
            });
        }
    }
    logs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(logs)
}

/// Returns the containers of its control plane by their own names, and the others below their app's name.
async fn of_tenant(client: &Client, tenant: &Tenant) -> Result<Vec<Log>, Failure> {
    let mut logs = Vec::new();
    for pod in pods(client, &tenant.namespace).await? {
        for container in containers(&pod) {
            logs.push(Log {
                name: format!("{}/{container}", tenant.name),
                of: container_of(&pod, &container),
            });
        }
    }
    let own = ListParams::default().labels(&format!("{OF_NAMESPACE}={}", tenant.namespace));
    let namespaces = Api::<Namespace>::all(client.clone())
        .list(&own)
        .await
        .map_err(asked("namespaces"))?;
    for namespace in namespaces
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| *name != tenant.namespace)
    {
        for pod in pods(client, &namespace).await? {
            let app = app(&pod);
            for container in containers(&pod) {
                let name = if container == app {
                    format!("{}/{app}", tenant.name)
                } else {
                    format!("{}/{app}/{container}", tenant.name)
                };
                logs.push(Log {
                    name,
                    of: container_of(&pod, &container),
                });
            }
        }
    }
    Ok(logs)
}

async fn pods(client: &Client, namespace: &str) -> Result<Vec<Pod>, Failure> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    Ok(api
        .list(&ListParams::default())
        .await
        .map_err(asked("pods"))?
        .items)
}

pub(super) fn asked(what: &str) -> impl FnOnce(kube::Error) -> Failure + use<> {
    let what = what.to_owned();
    move |source| Failure::Ask {
        cluster: "the host cluster".to_owned(),
        what,
        source: Box::new(source),
    }
}

/// Returns the name of a pod's owner: its own without the suffix that its `ReplicaSet`, Deployment or `StatefulSet` added.
fn app(pod: &Pod) -> String {
    let name = pod.name_any();
    let hash = pod.labels().get("pod-template-hash");
    if let Some(at) = hash.and_then(|hash| name.find(&format!("-{hash}-"))) {
        return name[..at].to_owned();
    }
    match name.rsplit_once('-') {
        Some((set, ordinal)) if ordinal.bytes().all(|byte| byte.is_ascii_digit()) => set.to_owned(),
        _ => name,
    }
}

fn containers(pod: &Pod) -> Vec<String> {
    let spec = pod.spec.iter();
    let containers = spec.flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    containers.map(|container| container.name.clone()).collect()
}

fn container_of(pod: &Pod, container: &str) -> Source {
    let status = pod.status.iter().flat_map(|status| {
        let of_init = status.init_container_statuses.iter().flatten();
        of_init.chain(status.container_statuses.iter().flatten())
    });
    let has_run_before = |status: &ContainerStatus| status.name == container && status.restart_count > 0;
    Source::Container {
        namespace: pod.namespace().unwrap_or_default(),
        pod: pod.name_any(),
        container: container.to_owned(),
        restarted: status.into_iter().any(has_run_before),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::deployment("write-app-5d9c7b6f4-x2x8q", Some("5d9c7b6f4"), "write-app")]
    #[case::stateful_set("redis-master-0", None, "redis-master")]
    #[case::bare("canary", None, "canary")]
    fn a_pod_is_of(#[case] name: &str, #[case] hash: Option<&str>, #[case] of: &str) {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.labels = hash.map(|hash| [("pod-template-hash".to_owned(), hash.to_owned())].into());
        assert_eq!(app(&pod), of);
    }
}
