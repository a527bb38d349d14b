//! Election of one syncer.
//!
//! A syncer runs in a pod, and two syncers of one virtual cluster are a mistake: somebody scaled the control plane, or started a
//! second one by hand. The first holds a `Lease` that names its pod, and the second waits for as long as that pod exists. So
//! nothing has to be renewed, an idle syncer writes nothing, and the successor of a pod that is gone need not wait for an expiry.

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use vcluster_values::naming::Tenant;

use crate::error_chain::error_chain;

/// The pod that a syncer runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Failure to lead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host did not answer, or refused.
    #[error("{attempt}")]
    Asked {
        /// The request that failed.
        attempt: &'static str,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// Another syncer leads, and its pod exists.
    #[error("lead: pod {0} does, and there can be one syncer only. Scale the control plane to 1")]
    Led(String),
    /// Another syncer has taken over, as it may once the pod of this one is deleted.
    #[error("go on: {0} leads now")]
    Lost(String),
}

impl Candidate {
    /// Returns its identity as the holder of a lease.
    fn identity(&self) -> String {
        format!("{}/{}", self.name, self.uid)
    }
}

/// The lease of a virtual cluster, and the candidate for it.
#[derive(Clone, Debug)]
pub struct Election {
    leases: Api<Lease>,
    pods: Api<Pod>,
    lease: String,
    me: Candidate,
}

impl Election {
    /// Creates the election; nothing is written to the host yet.
    #[must_use]
    pub fn new(host: &Client, tenant: &Tenant, me: Candidate) -> Self {
        Self {
            leases: Api::namespaced(host.clone(), tenant.namespace()),
            pods: Api::namespaced(host.clone(), tenant.namespace()),
            lease: format!("{}-syncer", tenant.name()),
            me,
        }
    }

    /// Tries to lead. `owner` becomes the owner of the lease.
    ///
    /// # Errors
    ///
    /// Another leads, or the host did not answer.
    pub async fn stand(&self, owner: &OwnerReference) -> Result<(), Error> {
        let found = self.leases.get_opt(&self.lease).await;
        let found = found.map_err(asked("read the syncer's lease"))?;
        let Some(mut lease) = found else {
            let lease = self.lease(owner);
            let made = self.leases.create(&PostParams::default(), &lease).await;
            return made.map(drop).map_err(asked("create the syncer's lease"));
        };
        match holder(&lease) {
            Some(holder) if holder == self.me.identity() => return Ok(()),
            Some(holder) if self.is_there(&holder).await? => return Err(Error::Led(holder)),
            _ => {}
        }
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        lease.spec = Some(LeaseSpec {
            lease_transitions: Some(transitions.unwrap_or_default() + 1),
            ..self.spec()
        });
        // By its resource version, only one of several that found the holder gone gets it.
        let taken = self
            .leases
            .replace(&self.lease, &PostParams::default(), &lease)
            .await;
        taken.map(drop).map_err(asked("take over the syncer's lease"))
    }

    /// Waits until another syncer leads or `shutdown` is cancelled.
    ///
    /// # Errors
    ///
    /// Another leads.
    pub async fn hold(&self, shutdown: &CancellationToken) -> Result<(), Error> {
        let watched = watcher::watch_object(self.leases.clone(), &self.lease).default_backoff();
        pin_mut!(watched);
        while let Some(Some(seen)) = shutdown.run_until_cancelled(watched.next()).await {
            match seen {
                Ok(lease) => {
                    let other = lease
                        .as_ref()
                        .and_then(holder)
                        .filter(|holder| *holder != self.me.identity());
                    if let Some(other) = other {
                        return Err(Error::Lost(other));
                    }
                }
                Err(error) => warn!(error = %error_chain(&error), "the watch of the syncer's lease failed"),
            }
        }
        Ok(())
    }

    /// Returns true if a holder's pod exists and has not ended.
    async fn is_there(&self, holder: &str) -> Result<bool, Error> {
        let Some((name, uid)) = holder.split_once('/') else {
            return Ok(false);
        };
        let pod = self.pods.get_opt(name).await;
        let pod = pod.map_err(asked("read the pod that holds the syncer's lease"))?;
        Ok(pod.is_some_and(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.metadata.uid.as_deref() == Some(uid) && !matches!(phase, Some("Succeeded" | "Failed"))
        }))
    }

    fn lease(&self, owner: &OwnerReference) -> Lease {
        Lease {
            metadata: ObjectMeta {
                name: Some(self.lease.clone()),
                owner_references: Some(vec![owner.clone()]),
                ..ObjectMeta::default()
            },
            spec: Some(self.spec()),
        }
    }

    fn spec(&self) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.me.identity()),
            acquire_time: Some(MicroTime(jiff::Timestamp::now())),
            ..LeaseSpec::default()
        }
    }
}

fn holder(lease: &Lease) -> Option<String> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .clone()
        .filter(|holder| !holder.is_empty())
}

fn asked(attempt: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |error| Error::Asked {
        attempt,
        source: Box::new(error),
    }
}
