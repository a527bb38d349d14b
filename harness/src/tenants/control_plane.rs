//! The condition of a tenant's control plane, for error messages and progress: the state of each container, the
//! conditions that the syncer waits for, and the syncer's last warning.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Client;
use kube::api::{Api, LogParams};
use provision::events::Events;
use provision::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The syncer's container, of this project's chart and of vcluster's.
const SYNCER: &str = "syncer";

/// The port of the pod's loopback on which the syncer reports the conditions that it waits for.
const DETAILS: u16 = 8081;

/// The number of lines of the syncer's log that are searched for a warning.
const LINES: i64 = 100;

/// The interval between two looks at a tenant that is not ready. Most tenants are ready before the first look.
const EVERY: Duration = Duration::from_secs(3);

/// The time limit of one look, since the host cluster itself may not answer.
const LOOK: Duration = Duration::from_secs(5);

/// The condition of a control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The states of its containers, or the reason why it has none.
    pub containers: String,
    /// The answer of its syncer's `/readyz`, if the syncer waits for something.
    pub waits_for: Option<String>,
    /// The last warning in its syncer's log.
    pub warning: Option<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.containers)?;
        if let Some(what) = &self.waits_for {
            write!(formatter, "; the syncer is {what}")?;
        }
        if let Some(warning) = &self.warning {
            write!(formatter, "; the syncer's last warning: {warning}")?;
        }
        Ok(())
    }
}

/// Reports the condition of a tenant's control plane as progress of `stage` until it is dropped.
pub(super) async fn tell(
    stage: &str,
    host: &Client,
    tenant: &str,
    namespace: &str,
    events: &Events,
) -> Infallible {
    let mut told = Condition::default();
    loop {
        wait::rest(EVERY).await;
        if let Some(now) = look(host, tenant, namespace).await
            && now != told
        {
            events.progress(stage, now.to_string());
            told = now;
        }
    }
}

/// Returns the condition of a tenant's control plane, or nothing if the host cluster does not answer.
pub(super) async fn look(host: &Client, tenant: &str, namespace: &str) -> Option<Condition> {
    wait::at_most(LOOK, seen(host, tenant, namespace)).await.flatten()
}

async fn seen(host: &Client, tenant: &str, namespace: &str) -> Option<Condition> {
    let pods: Api<Pod> = Api::namespaced(host.clone(), namespace);
    let name = format!("{tenant}-0");
    let Some(pod) = pods.get_opt(&name).await.ok()? else {
        return Some(Condition {
            containers: format!("there is no pod {name}"),
            ..Condition::default()
        });
    };
    Some(Condition {
        containers: described(&pod),
        waits_for: waits_for(&pods, &name).await,
        warning: warning(&pods, &pod, &name).await,
    })
}

/// Returns the state of each container of a pod, in one line.
fn described(pod: &Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let unplaced = (conditions.iter())
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(unplaced) = unplaced {
        let why = unplaced.message.clone().unwrap_or_default();
        return format!("the pod is not scheduled: {why}");
    }
    let init = status.init_container_statuses.unwrap_or_default();
    // Those that have done their work are of no interest any more.
    let init = init.iter().filter(|container| !is_done(container));
    let all = init.chain(status.container_statuses.iter().flatten());
    let states: Vec<String> = all.map(state).collect();
    if states.is_empty() {
        return "its containers do not exist yet".to_owned();
    }
    states.join(", ")
}

fn is_done(container: &ContainerStatus) -> bool {
    let terminated = container
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    terminated.is_some_and(|ended| ended.exit_code == 0)
}

fn state(container: &ContainerStatus) -> String {
    let state = container.state.clone().unwrap_or_default();
    let word = if container.ready {
        "ready".to_owned()
    } else if let Some(waiting) = state.waiting {
        let reason = waiting.reason.unwrap_or_else(|| "waiting".to_owned());
        // The text of a crash says no more than its reason.
        match waiting.message.filter(|_| reason != "CrashLoopBackOff") {
            Some(message) => format!("{reason} ({message})"),
            None => reason,
        }
    } else if let Some(ended) = state.terminated {
        format!("ended with exit code {}", ended.exit_code)
    } else {
        "not ready".to_owned()
    };
    match container.restart_count {
        0 => format!("{} {word}", container.name),
        1 => format!("{} {word} after 1 restart", container.name),
        count => format!("{} {word} after {count} restarts", container.name),
    }
}

/// Asks the syncer for the conditions that it waits for, through a port that is forwarded to its pod.
async fn waits_for(pods: &Api<Pod>, name: &str) -> Option<String> {
    let mut forwarder = pods.portforward(name, &[DETAILS]).await.ok()?;
    let mut stream = forwarder.take_stream(DETAILS)?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    in_answer(&answer)
}

fn in_answer(answer: &str) -> Option<String> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let body = body.trim();
    (body.starts_with("waiting for ")).then(|| body.to_owned())
}

/// Returns the last warning in the syncer's log. If the syncer has restarted and not warned since, the log before the restart
/// is searched.
async fn warning(pods: &Api<Pod>, pod: &Pod, name: &str) -> Option<String> {
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten());
    let syncer = statuses.into_iter().find(|container| container.name == SYNCER)?;
    let log = async |previous| {
        let parameters = LogParams {
            container: Some(SYNCER.to_owned()),
            previous,
            tail_lines: Some(LINES),
            ..LogParams::default()
        };
        pods.logs(name, &parameters)
            .await
            .ok()
            .as_deref()
            .and_then(last_warning)
    };
    match log(false).await {
        None if syncer.restart_count > 0 => log(true).await,
        found => found,
    }
}

/// Returns the last warning or error among JSON lines, with its cause.
fn last_warning(log: &str) -> Option<String> {
    let lines = log.lines().rev();
    lines
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| matches!(line["level"].as_str(), Some("WARN" | "ERROR")))
        .map(|line| {
            let text = |field: &str| line[field].as_str().unwrap_or_default().trim().to_owned();
            match text("error") {
                error if error.is_empty() => text("message"),
                error => format!("{}: {error}", text("message")),
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "tenant-1-0" }, "status": status })).unwrap()
    }

    fn container(name: &str, ready: bool, restarts: i32, state: &serde_json::Value) -> serde_json::Value {
        json!({
            "name": name, "ready": ready, "restartCount": restarts, "state": state, "image": "", "imageID": "",
        })
    }

    #[test]
    fn each_container_is_said_with_what_it_is_at() {
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"}});
        let image = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
        let running = json!({"running": {}});
        let done = json!({"terminated": {"exitCode": 0}});
        let pod = pod(&json!({
            "initContainerStatuses": [container("pki", true, 0, &done)],
            "containerStatuses": [
                container("etcd", true, 0, &running),
                container("api", false, 1, &running),
                container("controller", false, 0, &image),
                container("syncer", false, 4, &crash),
            ],
        }));
        insta::assert_snapshot!(
            described(&pod),
            @"etcd ready, api not ready after 1 restart, controller ErrImagePull (not found), syncer CrashLoopBackOff after 4 restarts"
        );
    }

    #[test]
    fn a_pod_that_no_node_takes_is_said_with_why() {
        let full = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient memory.",
        }]});
        assert_eq!(
            described(&pod(&full)),
            "the pod is not scheduled: 0/1 nodes are available: 1 Insufficient memory."
        );
        assert_eq!(described(&pod(&json!({}))), "its containers do not exist yet");
    }

    #[test]
    fn the_last_warning_of_a_log_is_found_with_its_cause() {
        let log = r#"{"timestamp":"t","level":"WARN","message":"trying again","error":"refused"}
{"timestamp":"t","level":"ERROR","message":"failed to sync guest and host","error":"the host does not know the kind Nosuchkind"}
{"timestamp":"t","level":"INFO","message":"listening"}
no JSON at all"#;
        assert_eq!(
            last_warning(log).as_deref(),
            Some("failed to sync guest and host: the host does not know the kind Nosuchkind")
        );
        assert_eq!(last_warning("{\"level\":\"INFO\"}\n"), None);
    }

    #[test]
    fn only_a_syncer_that_waits_says_for_what() {
        let waiting =
            "HTTP/1.0 503 Service Unavailable\r\ncontent-length: 24\r\n\r\nwaiting for components\n";
        assert_eq!(in_answer(waiting).as_deref(), Some("waiting for components"));
        assert_eq!(in_answer("HTTP/1.0 200 OK\r\n\r\nok"), None);
        assert_eq!(in_answer(""), None);
    }

    #[test]
    fn a_condition_reads_as_one_line() {
        let condition = Condition {
            containers: "syncer not ready".to_owned(),
            waits_for: Some("waiting for components".to_owned()),
            warning: Some("trying again: refused".to_owned()),
        };
        insta::assert_snapshot!(
            condition,
            @"syncer not ready; the syncer is waiting for components; the syncer's last warning: trying again: refused"
        );
    }
}
