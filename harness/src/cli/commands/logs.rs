//! `logs`: of a tenant's control plane, an app, a sidecar, or something of the host cluster.

use std::fs;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt};

use super::{Context, run};
use crate::cli::arguments::Logs;
use crate::cli::{Exit, Failure, output};
use crate::command::last_lines;
use crate::environment::{Attached, AttachedTenant};
use crate::tenants::OF_NAMESPACE;

/// The namespaces of the host cluster whose pods are named without a tenant.
const SHARED: [&str; 3] = ["dapr-system", "shared-dapr", "kube-system"];

/// A log that can be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Log {
    /// What it is asked for by.
    name: String,
    /// Where it is.
    of: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Container {
        namespace: String,
        pod: String,
        container: String,
    },
}

/// Prints the logs that are asked for, or the names of those there are.
pub(super) async fn print(context: &Context, wanted: &Logs) -> Result<Exit, Failure> {
    let attached = context.attached()?;
    let client = run::client(&attached.kubeconfig).await?;
    let logs = all(context, &attached, &client).await?;
    let Some(what) = &wanted.what else {
        let mut names: Vec<String> = logs.into_iter().map(|log| log.name).collect();
        names.dedup();
        output::text(&names.into_iter().map(|name| name + "\n").collect::<String>())?;
        return Ok(Exit::Passed);
    };
    let asked_for: Vec<&Log> = logs.iter().filter(|log| is_within(&log.name, what)).collect();
    if asked_for.is_empty() {
        let mut has: Vec<String> = logs.iter().map(|log| log.name.clone()).collect();
        has.dedup();
        return Err(Failure::NoLogs {
            name: attached.name,
            what: what.clone(),
            has,
        });
    }
    let alone = asked_for.len() == 1;
    for log in asked_for {
        let text = read(log, &client, wanted).await?;
        if !alone {
            output::text(&format!("==> {} <==\n", log.name))?;
        }
        output::text(&text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            output::text("\n")?;
        }
    }
    Ok(Exit::Passed)
}

/// Whether a log of this name is asked for by `what`: its name, or that of what it is a part of. A tenant's own name
/// asks for its control plane, and not for all that runs in it.
fn is_within(name: &str, what: &str) -> bool {
    name == what
        || name
            .strip_prefix(what)
            .is_some_and(|rest| rest.starts_with('/') && rest.matches('/').count() == 1)
}

async fn all(context: &Context, attached: &Attached, client: &Client) -> Result<Vec<Log>, Failure> {
    let mut logs = of_processes(context, attached)?;
    for namespace in SHARED {
        let pods = pods(client, namespace).await?;
        logs.extend(pods.iter().flat_map(|pod| {
            let app = app(pod);
            containers(pod)
                .map(move |container| (format!("{app}/{container}"), container))
                .map(move |(name, container)| Log {
                    name,
                    of: container_of(pod, &container),
                })
        }));
    }
    for tenant in &attached.tenants {
        logs.extend(of_tenant(client, tenant).await?);
    }
    Ok(logs)
}

/// The processes of the native host cluster, which log to files.
fn of_processes(context: &Context, attached: &Attached) -> Result<Vec<Log>, Failure> {
    let folder = context.places.environment(&attached.name).join("host/logs");
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

/// The containers of its control plane by their own names, the others below their app's.
async fn of_tenant(client: &Client, tenant: &AttachedTenant) -> Result<Vec<Log>, Failure> {
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

fn asked(what: &str) -> impl FnOnce(kube::Error) -> Failure {
    let what = what.to_owned();
    move |source| Failure::Ask {
        cluster: "the host cluster".to_owned(),
        what,
        source: Box::new(source),
    }
}

/// What a pod is of: its name without what its `ReplicaSet`, Deployment or `StatefulSet` added to it.
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

fn containers(pod: &Pod) -> impl Iterator<Item = String> {
    let spec = pod.spec.iter();
    let names = spec.flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    names
        .map(|container| container.name.clone())
        .collect::<Vec<_>>()
        .into_iter()
}

fn container_of(pod: &Pod, container: &str) -> Source {
    Source::Container {
        namespace: pod.namespace().unwrap_or_default(),
        pod: pod.name_any(),
        container: container.to_owned(),
    }
}

async fn read(log: &Log, client: &Client, wanted: &Logs) -> Result<String, Failure> {
    match &log.of {
        Source::File(path) => {
            let text = fs::read(path).map_err(|source| Failure::Read {
                path: path.clone(),
                source,
            })?;
            let lines = usize::try_from(wanted.tail).unwrap_or(usize::MAX);
            Ok(last_lines(&String::from_utf8_lossy(&text), lines))
        }
        Source::Container {
            namespace,
            pod,
            container,
        } => {
            let parameters = LogParams {
                container: Some(container.clone()),
                previous: wanted.previous,
                tail_lines: Some(wanted.tail.into()),
                ..LogParams::default()
            };
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            api.logs(pod, &parameters)
                .await
                .map_err(asked(&format!("the log of {container} in {namespace}/{pod}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::control_plane("tenant-1/syncer", "tenant-1", true)]
    #[case::app_as_part_of_the_tenant("tenant-1/write-app/daprd", "tenant-1", false)]
    #[case::sidecar("tenant-1/write-app/daprd", "tenant-1/write-app", true)]
    #[case::itself("tenant-1/write-app", "tenant-1/write-app", true)]
    #[case::another("tenant-10/syncer", "tenant-1", false)]
    #[case::process("kubelet", "kubelet", true)]
    fn a_name_asks_for(#[case] log: &str, #[case] what: &str, #[case] yes: bool) {
        assert_eq!(is_within(log, what), yes);
    }

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
