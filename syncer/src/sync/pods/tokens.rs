//! The tokens that pods mount: short-lived tokens of the guest, bound to the pod, in one host Secret per pod.
//!
//! They are requested once the pod is bound to its node, so that they name it; the host's kubelet waits for the Secret. They are
//! renewed at half of their lifetime. Only the kubelet reads them; they are in no annotation.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ObjectReference, Pod, Secret, ServiceAccount, ServiceAccountTokenProjection,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Resource, ResourceExt};
use vcluster_values::naming::own::RENEW_AT;

use super::translate::volumes;
use super::{has_ended, is_copy, is_going};
use crate::sync::runtime::budget::{Ledger, size_of};
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::informer::Store;
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::to_host::config_objects::ConfigObjects;
use crate::sync::write::delete;
use crate::sync::write::ownership::{self, HostName};

/// Reconciler of the tokens of pods on the host.
#[derive(Debug)]
pub(crate) struct Tokens {
    context: Context,
    pods: Arc<Store<Pod>>,
    secrets: Arc<ConfigObjects>,
    queue: WorkQueue,
    /// The time at which tokens were last written, by the pod's UID.
    written: Mutex<HashMap<String, Instant>>,
    /// The sizes of the Secrets, by pod.
    ledger: Ledger,
}

/// Maximum time from the write of a Secret until the host's watch delivers it.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

impl Tokens {
    /// Creates the reconciler; nothing runs yet.
    pub(super) fn new(context: &Context, pods: &Arc<Store<Pod>>, secrets: &Arc<ConfigObjects>) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            pods: pods.clone(),
            secrets: secrets.clone(),
            queue: WorkQueue::default(),
            written: Mutex::default(),
            ledger: context.budget().ledger(),
        })
    }

    /// Handles a change of a Secret on the host: requeues the pod whose tokens it holds.
    pub(crate) fn seen(&self, secret: &Key) {
        let pod = self
            .secrets
            .host()
            .get(secret)
            .as_deref()
            .and_then(pod_of)
            .or_else(|| {
                // It is gone, and with it the name of its pod; the Secret's own name has the pod's UID.
                let uid = secret.name.strip_prefix(&volumes::token_secret(""))?;
                self.pods
                    .find_map(|key, pod| (pod.metadata.uid.as_deref() == Some(uid)).then(|| key.clone()))
            });
        if let Some(pod) = pod {
            self.queue.add(pod);
        }
    }

    async fn renew(
        &self,
        key: &Key,
        pod: &Pod,
        tokens: Vec<(String, ServiceAccountTokenProjection)>,
    ) -> Result<Action, ReconcileError> {
        let mut data = BTreeMap::new();
        let mut lives = Vec::new();
        for (name, token) in tokens {
            let (token, life) = self.request(key, pod, token).await?;
            data.insert(name, ByteString(token.into_bytes()));
            lives.push(life);
        }
        let pause = lives.into_iter().min().unwrap_or_default() / 2;
        self.write(key, pod, data, Timestamp::now() + pause).await?;
        Ok(Action::RequeueAfter(pause))
    }

    async fn request(
        &self,
        key: &Key,
        pod: &Pod,
        wanted: ServiceAccountTokenProjection,
    ) -> Result<(String, Duration), ReconcileError> {
        let account = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.as_deref())
            .unwrap_or("default");
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(wanted.audience.into_iter().collect()),
                expiration_seconds: wanted.expiration_seconds,
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: pod.metadata.name.clone(),
                    uid: pod.metadata.uid.clone(),
                }),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let accounts: Api<ServiceAccount> = self.context.guest_api(&key.namespace);
        let given = accounts
            .create_token_request(account, &PostParams::default(), &request)
            .await
            .attempting(|| format!("get a token of service account {account} for pod {key}"))?;
        let life = life(&given);
        let status = given.status.unwrap_or_default();
        Ok((status.token.unwrap_or_default(), life))
    }

    async fn write(
        &self,
        key: &Key,
        pod: &Pod,
        data: BTreeMap<String, ByteString>,
        renew_at: Timestamp,
    ) -> Result<(), ReconcileError> {
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = volumes::token_secret(&pod.uid().unwrap_or_default());
        let host = HostName {
            namespace: &namespace,
            name: &name,
        };
        let bare = ObjectMeta {
            annotations: None,
            ..pod.metadata.clone()
        };
        let mut annotations = ownership::annotations(&bare, &ApiResource::erase::<Pod>(&()), &host);
        annotations.insert(RENEW_AT.to_owned(), renew_at.to_string());
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            data: Some(data),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        let attempted = || format!("write the tokens of pod {key} to the host");
        let is_there = self
            .secrets
            .host()
            .get(&Key::new(key.namespace.clone(), name.clone()))
            .is_some();
        let charge = self.ledger.charge(key, size_of(&secret), is_there);
        let charge = charge.map_err(|over| ReconcileError::over(&attempted(), &over))?;
        self.context.metrics().write("host", "Secret", "apply");
        let params = PatchParams::apply(MANAGER).force();
        let hosts: Api<Secret> = self.context.host_api(&key.namespace);
        hosts
            .patch_metadata(&name, &params, &Patch::Apply(&secret))
            .await
            .attempting(attempted)?;
        charge.keep();
        Ok(())
    }

    fn is_on_its_way(&self, uid: &str) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| at.elapsed() < ON_ITS_WAY);
        written.contains_key(uid)
    }

    /// Deletes the Secrets of earlier pods with this name, or of a pod that is gone.
    async fn delete_others(&self, key: &Key, current: Option<&str>) -> Result<(), ReconcileError> {
        let host = self.secrets.host();
        for secret in host.keys_in(&key.namespace) {
            let Some(meta) = host.get(&secret) else { continue };
            let stale = pod_of(&meta).as_ref() == Some(key) && current != Some(secret.name.as_str());
            if stale && meta.deletion_timestamp.is_none() {
                let kind = ApiResource::erase::<Secret>(&());
                let writer = self.context.on_host(&kind, &secret);
                writer.delete(&delete::if_uid(&meta)).await?;
            }
        }
        Ok(())
    }
}

impl Reconciler for Tokens {
    fn name(&self) -> String {
        "tokens".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.secrets.host().has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.pods.get(key).map(|pod| pod.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.secrets.host().has_listed_namespace(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        let pod = self.pods.get(key).filter(|pod| !is_copy(&self.context, pod));
        let name = pod
            .as_ref()
            .map(|pod| volumes::token_secret(&pod.uid().unwrap_or_default()));
        self.delete_others(key, name.as_deref()).await?;
        let (Some(pod), Some(name)) = (pod, name) else {
            self.ledger.forget(key);
            return Ok(Action::AwaitChange);
        };
        let tokens = volumes::tokens(&pod);
        // A token names the node that its pod is bound to. Until the pod has one, its kubelet waits for the Secret.
        let is_bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        if tokens.is_empty() || !is_bound || is_going(&pod) || has_ended(&pod) {
            return Ok(Action::AwaitChange);
        }
        let secret = self.secrets.host().get(&Key::new(key.namespace.clone(), name));
        let left = secret.as_deref().and_then(renew_at).and_then(|at| {
            Duration::try_from(at.duration_since(Timestamp::now()))
                .ok()
                .filter(|left| !left.is_zero())
        });
        let uid = pod.uid().unwrap_or_default();
        match left {
            Some(left) => Ok(Action::RequeueAfter(left)),
            None if self.is_on_its_way(&uid) => Ok(Action::RequeueAfter(ON_ITS_WAY)),
            None => {
                let next = self.renew(key, &pod, tokens).await?;
                self.written
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(uid, Instant::now());
                Ok(next)
            }
        }
    }
}

/// Returns the pod whose tokens a Secret holds.
fn pod_of(secret: &ObjectMeta) -> Option<Key> {
    let guest = ownership::guest_of(secret)?;
    (guest.kind == ownership::kind_of(&ApiResource::erase::<Pod>(&()))).then_some(guest.key)
}

fn renew_at(secret: &ObjectMeta) -> Option<Timestamp> {
    secret.annotations.as_ref()?.get(RENEW_AT)?.parse().ok()
}

/// Returns the lifetime of a token: the seconds that the API server states. The API server also states the time of expiry, but by
/// its own clock, which may differ from the clock here.
fn life(given: &TokenRequest) -> Duration {
    let seconds = given.spec.as_ref().and_then(|spec| spec.expiration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    // No API server gives less.
    Duration::from_secs(seconds.unwrap_or_default().max(600))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::as_told(json!({"expirationSeconds": 3607}), 3607)]
    #[case::not_told(json!({}), 600)]
    #[case::nonsense(json!({"expirationSeconds": -1}), 600)]
    fn a_token_lasts_as_long_as_its_response_says_whatever_the_clocks_say(
        #[case] spec: serde_json::Value,
        #[case] seconds: u64,
    ) {
        let mut spec = spec;
        spec["audiences"] = json!([]);
        let given: TokenRequest = serde_json::from_value(json!({
            "spec": spec,
            // By a clock that is years behind this one.
            "status": {"token": "a", "expirationTimestamp": "2001-01-01T00:00:00Z"},
        }))
        .unwrap();
        assert_eq!(life(&given), Duration::from_secs(seconds));
    }
}
