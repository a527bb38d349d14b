//! A pod with a shell, and actions in pods with `kubectl logs`, `exec`, `attach`, `debug`, `port-forward` and `cp`.

use std::pin::Pin;

use anyhow::Context as _;
use futures::AsyncBufRead;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::api::{Api, AttachParams, AttachedProcess, LogParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::eventually::{LATER, becomes, eventually};
use crate::namespace_pair::NamespacePair;
use crate::side::Side;

/// The pod's name, and that of its container.
const NAME: &str = "toolbox";

/// The name of the container that [`DebugPod::debug`] adds.
const DEBUGGER: &str = "debugger";

/// The folder of its tools.
const TOOLS: &str = "/tools";

/// The command that it runs. Its log is the text that comes through a pipe.
const PROGRAM: &str =
    "busybox --install -s /tools; mkfifo /tmp/log; echo started; while true; do cat /tmp/log; done";

/// A container of a pod, accessed through one side.
#[derive(Clone, Debug)]
pub struct DebugPod {
    pods: Api<Pod>,
    pod: String,
    container: String,
}

/// A log that is followed.
pub struct Log(Pin<Box<dyn AsyncBufRead + Send>>);

impl std::fmt::Debug for Log {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Log")
    }
}

impl Log {
    /// Returns its next line, or `None` at its end.
    pub async fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = String::new();
        let read = futures::AsyncBufReadExt::read_line(&mut self.0, &mut line).await?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }
}

impl DebugPod {
    /// Starts a pod of busybox and waits until it runs.
    pub async fn start(space: &NamespacePair) -> anyhow::Result<Self> {
        Self::start_annotated(space, json!({})).await
    }

    /// Starts such a pod with a sidecar, and waits until both containers run.
    pub async fn start_with_sidecar(space: &NamespacePair, app_id: &str) -> anyhow::Result<Self> {
        let annotations = json!({
            "dapr.io/enabled": "true",
            "dapr.io/app-id": app_id,
            "dapr.io/disable-builtin-k8s-secret-store": "true",
            "dapr.io/sidecar-readiness-probe-delay-seconds": "1",
            "dapr.io/sidecar-readiness-probe-period-seconds": "1",
        });
        Self::start_annotated(space, annotations).await
    }

    async fn start_annotated(space: &NamespacePair, annotations: Value) -> anyhow::Result<Self> {
        let toolbox = Self::of(space.guest(), NAME, NAME);
        let pod = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": NAME, "annotations": annotations},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
                "containers": [{
                    "name": NAME,
                    "image": space.tenant().environment().image("busybox"),
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/bin/busybox", "sh", "-c", PROGRAM],
                    "env": [{"name": "PATH", "value": format!("{TOOLS}:/bin")}],
                    "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}},
                    "volumeMounts": [
                        {"name": "tools", "mountPath": TOOLS},
                        {"name": "scratch", "mountPath": "/tmp"},
                    ],
                }],
                "volumes": [{"name": "tools", "emptyDir": {}}, {"name": "scratch", "emptyDir": {}}],
            },
        }))?;
        becomes(
            format!("the account of pods in {}", space.guest()),
            LATER,
            true,
            || async { space.guest().takes_pods().await },
        )
        .await?;
        toolbox.pods.create(&PostParams::default(), &pod).await?;
        becomes(
            format!("pod {NAME} in {} to run", space.guest()),
            LATER,
            true,
            || async {
                let pods = space.guest().pods().await?;
                Ok(pods.iter().any(|pod| pod.name == NAME && pod.is_ready))
            },
        )
        .await?;
        Ok(toolbox)
    }

    /// Attaches to a container of an existing pod.
    #[must_use]
    pub fn of(side: &Side, pod: &str, container: &str) -> Self {
        Self {
            pods: Api::namespaced(side.client().clone(), side.namespace()),
            pod: pod.to_owned(),
            container: container.to_owned(),
        }
    }

    /// Returns the same container, accessed through another side.
    #[must_use]
    pub fn on(&self, side: &Side) -> Self {
        Self::of(side, &self.pod, &self.container)
    }

    /// Returns its log so far.
    pub async fn log(&self) -> anyhow::Result<String> {
        let params = LogParams {
            container: Some(self.container.clone()),
            ..LogParams::default()
        };
        Ok(self.pods.logs(&self.pod, &params).await?)
    }

    /// Follows its log from the start.
    pub async fn follow(&self) -> anyhow::Result<Log> {
        let params = LogParams {
            container: Some(self.container.clone()),
            follow: true,
            ..LogParams::default()
        };
        let stream = self.pods.log_stream(&self.pod, &params).await?;
        Ok(Log(Box::pin(stream)))
    }

    /// Writes a line into a toolbox's log.
    pub async fn write(&self, line: &str) -> anyhow::Result<()> {
        let said = self.run(&["sh", "-c", "echo $0 > /tmp/log", line], &[]).await?;
        anyhow::ensure!(said.is_empty(), "{:?}", String::from_utf8_lossy(&said));
        Ok(())
    }

    /// Runs a command that reads all of `input`, and returns its output. It has to succeed.
    pub async fn run(&self, command: &[&str], input: &[u8]) -> anyhow::Result<Vec<u8>> {
        let streams = AttachParams::default()
            .container(&self.container)
            .stdin(!input.is_empty())
            .stdout(true)
            .stderr(true);
        let mut process = self
            .pods
            .exec(&self.pod, command.iter().copied(), &streams)
            .await?;
        let stdin = process.stdin();
        let stdout = process.stdout().context("no standard output")?;
        let stderr = process.stderr().context("no standard error")?;
        let writing = async {
            if let Some(mut stdin) = stdin {
                stdin.write_all(input).await?;
                stdin.shutdown().await?;
            }
            anyhow::Ok(())
        };
        let (output, errors, ()) = tokio::try_join!(all(stdout), all(stderr), writing)?;
        succeeded(process)
            .await
            .with_context(|| format!("{command:?}: {}", String::from_utf8_lossy(&errors)))?;
        Ok(output)
    }

    /// Attaches to a toolbox's first process, which is made to write this line over and over, and reads its output
    /// until the line is seen. Output from before the container's runtime had a client attached is not seen.
    pub async fn attached_sees(&self, line: &str) -> anyhow::Result<()> {
        let streams = AttachParams::default()
            .container(&self.container)
            .stdin(false)
            .stdout(true)
            .stderr(false);
        let mut process = self.pods.attach(&self.pod, &streams).await?;
        let stdout = process.stdout().context("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let reading = async {
            while let Some(read) = lines.next_line().await? {
                if read == line {
                    return Ok(());
                }
            }
            anyhow::bail!("it ended without {line:?}")
        };
        let over_and_over = "while echo $0 > /tmp/log; do usleep 100000; done";
        let command = ["sh", "-c", over_and_over, line];
        tokio::select! {
            read = reading => read,
            ended = self.run(&command, &[]) => anyhow::bail!("writing ended: {ended:?}"),
        }
    }

    /// Returns true if a port of a host is open to a toolbox's pod.
    pub async fn reaches(&self, host: &str, port: u16) -> anyhow::Result<bool> {
        let probe = format!("nc -w 3 {host} {port} < /dev/null && echo yes || echo no");
        let said = self.run(&["sh", "-c", &probe], &[]).await?;
        Ok(said.starts_with(b"yes"))
    }

    /// Adds a container with a shell and this name to the pod.
    pub async fn add(&self, space: &NamespacePair, name: &str) -> anyhow::Result<()> {
        let debugger = json!({
            "name": name,
            "image": space.tenant().environment().image("busybox"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/busybox", "sh"],
            "stdin": true,
            "targetContainerName": self.container,
        });
        let change = Patch::Strategic(json!({"spec": {"ephemeralContainers": [debugger]}}));
        (self.pods)
            .patch_ephemeral_containers(&self.pod, &PatchParams::default(), &change)
            .await?;
        Ok(())
    }

    /// Adds a container with a shell to the pod, as `kubectl debug -it` does, and waits until it runs.
    pub async fn debug(&self, space: &NamespacePair) -> anyhow::Result<Self> {
        self.add(space, DEBUGGER).await?;
        eventually(
            format!("{DEBUGGER} in pod {} to run", self.pod),
            LATER,
            || async {
                let status = self.pods.get(&self.pod).await?.status.unwrap_or_default();
                let all = status.ephemeral_container_statuses.unwrap_or_default();
                let runs = |state: &ContainerState| state.running.is_some();
                Ok(if all.iter().any(|one| one.state.as_ref().is_some_and(runs)) {
                    Ok(())
                } else {
                    Err(format!("{all:?}"))
                })
            },
        )
        .await?;
        Ok(Self {
            container: DEBUGGER.to_owned(),
            ..self.clone()
        })
    }

    /// Attaches to a running shell, gives it a command, and returns the first line of its output.
    pub async fn output_of_attaching(&self, command: &str) -> anyhow::Result<Option<String>> {
        let streams = AttachParams::default()
            .container(&self.container)
            .stdin(true)
            .stdout(true)
            .stderr(false);
        let mut process = self.pods.attach(&self.pod, &streams).await?;
        let stdout = process.stdout().context("no standard output")?;
        let mut stdin = process.stdin().context("no standard input")?;
        stdin.write_all(format!("{command}\n").as_bytes()).await?;
        stdin.flush().await?;
        Ok(BufReader::new(stdout).lines().next_line().await?)
    }

    /// Changes the CPU request of its container while it runs, as `kubectl patch --subresource resize` does.
    pub async fn resize(&self, processor: &str) -> anyhow::Result<()> {
        let resources = json!({"requests": {"cpu": processor}});
        let container = json!({"name": self.container, "resources": resources});
        let change = Patch::Strategic(json!({"spec": {"containers": [container]}}));
        (self.pods)
            .patch_subresource("resize", &self.pod, &PatchParams::default(), &change)
            .await?;
        Ok(())
    }

    /// Returns the CPU request of its container, from its status.
    pub async fn processor(&self) -> anyhow::Result<Option<String>> {
        let status = self.pods.get(&self.pod).await?.status.unwrap_or_default();
        let mut all = status.container_statuses.unwrap_or_default().into_iter();
        let its = all.find(|status| status.name == self.container);
        let requests = its
            .and_then(|status| status.resources)
            .and_then(|resources| resources.requests);
        Ok(requests.and_then(|mut requests| Some(requests.remove("cpu")?.0)))
    }

    /// Returns the answer of one of the pod's ports to a request.
    pub async fn get(&self, port: u16, path: &str) -> anyhow::Result<String> {
        let mut forwarder = self.pods.portforward(&self.pod, &[port]).await?;
        let mut stream = forwarder.take_stream(port).context("no stream")?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        Ok(String::from_utf8(all(stream).await?)?)
    }
}

async fn all(mut stream: impl AsyncRead + Unpin) -> anyhow::Result<Vec<u8>> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await?;
    Ok(read)
}

/// Waits until a process has ended. A failure of the process is an error.
async fn succeeded(mut process: AttachedProcess) -> anyhow::Result<()> {
    let status = process.take_status().context("no status")?.await;
    let status = status.context("the stream ended without a status")?;
    anyhow::ensure!(
        status.status.as_deref() == Some("Success"),
        "{}",
        status.message.unwrap_or_default()
    );
    Ok(())
}
