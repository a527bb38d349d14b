//! Events on the host about the virtual cluster as a whole: that it is not ready and why, and that it is ready. They are on the
//! control plane's pod and its owner, so `kubectl describe` of either shows them.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use vcluster_values::naming::Tenant;

use crate::error_chain::error_chain;
use crate::leader::Candidate;
use crate::retry::pause;

/// Maximum time of a start without an Event. A start usually takes a few seconds.
const FIRST_AFTER: Duration = Duration::from_secs(15);

/// Minimum time between two Events, as the reason may change with each attempt.
const NEXT_AFTER: Duration = Duration::from_mins(1);

/// Maximum time for the last Event of a syncer that ends.
const LAST_WITHIN: Duration = Duration::from_secs(5);

/// Maximum length of a note that the API accepts.
const LONGEST_NOTE: usize = 1024;

/// The reason of an Event.
#[derive(Clone, Copy, Debug)]
enum Reason {
    NotReady,
    Ready,
}

/// Recorder of Events about one virtual cluster.
#[derive(Clone)]
pub(crate) struct Notices {
    host: Client,
    tenant: Tenant,
    pod: Candidate,
}

impl Notices {
    /// Creates the recorder of Events about the pod that this process runs in.
    pub(crate) fn new(host: Client, tenant: Tenant, pod: Candidate) -> Self {
        Self { host, tenant, pod }
    }

    /// Records the step that the virtual cluster waits for, at each change, until it is ready or `shutdown` is cancelled.
    pub(crate) async fn keep(
        &self,
        mut waiting: watch::Receiver<Option<String>>,
        shutdown: &CancellationToken,
    ) {
        let mut said = None;
        let mut due = Instant::now() + FIRST_AFTER;
        loop {
            let now = waiting.borrow_and_update().clone();
            let Some(what) = now else {
                return self.write(Reason::Ready, self.ready()).await;
            };
            let is_news = said.as_ref() != Some(&what);
            tokio::select! {
                changed = waiting.changed() => if changed.is_err() { return },
                () = pause(due.saturating_duration_since(Instant::now())), if is_news => {
                    let name = self.tenant.name();
                    let note = format!("Virtual cluster {name} is not ready: its syncer is waiting for {what}");
                    self.write(Reason::NotReady, note).await;
                    said = Some(what);
                    due = Instant::now() + NEXT_AFTER;
                }
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Records the error that ended a program of the control plane.
    pub(crate) async fn ended(&self, error: &(dyn std::error::Error + 'static)) {
        let name = self.tenant.name();
        let note = format!(
            "Virtual cluster {name} is not ready: its syncer failed to {}",
            error_chain(error)
        );
        // Whoever waits for the process to end has its exit code and its log.
        tokio::select! {
            () = self.write(Reason::NotReady, note) => {}
            () = pause(LAST_WITHIN) => {}
        }
    }

    fn ready(&self) -> String {
        format!(
            "Virtual cluster {} is ready: its kubeconfig is in Secret {}",
            self.tenant.name(),
            self.tenant.service_account()
        )
    }

    async fn write(&self, reason: Reason, note: String) {
        if let Err(error) = self.try_write(reason, note).await {
            warn!(error = %error_chain(&error), ?reason, "failed to write an Event about the control plane's pod");
        }
    }

    async fn try_write(&self, reason: Reason, mut note: String) -> Result<(), kube::Error> {
        while note.len() > LONGEST_NOTE {
            note.pop();
        }
        let (type_, reason) = match reason {
            Reason::NotReady => (EventType::Warning, "NotReady"),
            Reason::Ready => (EventType::Normal, "Ready"),
        };
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Start".to_owned(),
            secondary: None,
        };
        for about in self.about().await? {
            // A recorder of its own for each: one takes two notes about an object for the same.
            let source = Reporter {
                controller: "vcluster-syncer".to_owned(),
                instance: Some(self.pod.name.clone()),
            };
            Recorder::new(self.host.clone(), source)
                .publish(&event, &about)
                .await?;
        }
        Ok(())
    }

    /// Returns the pod, and its `StatefulSet` if one owns it.
    async fn about(&self) -> Result<Vec<ObjectReference>, kube::Error> {
        let namespace = self.tenant.namespace();
        let pods: Api<Pod> = Api::namespaced(self.host.clone(), namespace);
        let pod = pods.get_metadata(&self.pod.name).await?;
        let of = |api_version: &str, kind: &str, name: &str, uid: &str| ObjectReference {
            api_version: Some(api_version.to_owned()),
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        let owners = pod.metadata.owner_references.into_iter().flatten();
        let owners = owners.filter(|owner| owner.controller == Some(true));
        let owners = owners.map(|owner| of(&owner.api_version, &owner.kind, &owner.name, &owner.uid));
        let own = of("v1", "Pod", &self.pod.name, &self.pod.uid);
        Ok(std::iter::once(own).chain(owners).collect())
    }
}
