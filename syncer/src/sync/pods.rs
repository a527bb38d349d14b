//! Guest pods and their mirrors on the host, where they are scheduled and run.
//!
//! A mirror is created once everything that it mounts is on the host. When the host has scheduled it, the guest pod is bound to
//! that node. Its status is shown in the guest, without containers that the host has added. Deletion goes both ways, with its
//! grace period.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};

use self::decide::{Step, decide};
use self::nodes::Nodes;
use self::show::Shown;
use self::tokens::Tokens;
use super::from_host::projections::Projections;
use super::runtime::budget::Ledger;
use super::runtime::context::Context;
use super::runtime::error::ReconcileError;
use super::runtime::informer::{Change, Store};
use super::runtime::key::Key;
use super::runtime::reconciler::{Action, Reconciler};
use super::runtime::watches::with_guest_keys;
use super::runtime::work_queue::WorkQueue;
use super::to_host::config_objects::ConfigObjects;
use super::to_host::core_kinds::CoreKindReconciler;
use super::to_host::references::{ConfigObject, Needs, References, Referrer, needs};
use super::to_host::services::Services;
use super::write::delete;

/// The translation of a guest pod to the host.
pub(crate) mod translate;

/// The decision about a pod and its mirror.
mod decide;

/// Creation of the mirror.
mod create;

/// A pod and its mirror.
mod keep;

/// Updates of a running pod.
mod update;

/// Ephemeral containers.
mod ephemeral;

/// The containers that are the guest's own.
mod own;

/// Resizes of a running pod's containers.
mod resize;

/// The guest's view of a host pod's status.
pub(crate) mod status;

/// The generation of the tenant's changes that the host has observed.
mod generation;

/// Writes of the status to the guest.
mod show;

/// Pods that are gone from the host.
mod end;

/// The check against the host's policies.
mod review;

/// Conditions that only the guest knows.
mod gates;

/// The Secrets that hold the pods' tokens.
pub(crate) mod tokens;

/// The guest's nodes.
pub(crate) mod nodes;

pub(crate) use self::own::{Own, is_record};
pub(crate) use self::translate::volumes::token_secret;

/// The name of pods among the kinds that name ConfigMaps and Secrets.
const REFERRERS: &str = "pods";

/// The wait for a name that the mirror of an earlier pod has.
const NAME_IN_USE: Action = Action::WaitFor("the pod of that name before it to be gone");

/// Reconciler of pods.
#[derive(Debug)]
pub(crate) struct Pods {
    context: Context,
    guest: Arc<Store<Pod>>,
    host: Arc<Store<Pod>>,
    queue: Arc<WorkQueue>,
    references: Arc<References>,
    config_maps: Arc<ConfigObjects>,
    secrets: Arc<ConfigObjects>,
    services: Arc<Services>,
    tokens: Arc<Tokens>,
    nodes: Arc<Nodes>,
    priority_classes: Option<Arc<Projections>>,
    runtime_classes: Option<Arc<Projections>>,
    accounts: Option<Arc<CoreKindReconciler>>,
    /// The UIDs of the host pods that were checked against the policies.
    reviewed: Mutex<HashMap<Key, String>>,
    /// The statuses that were shown in the guest, by pod.
    shown: Mutex<HashMap<Key, Shown>>,
    /// The sizes of the host pods.
    ledger: Ledger,
}

/// The reconcilers that pods depend on.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// The index of objects that name ConfigMaps and Secrets.
    pub(crate) references: Arc<References>,
    /// ConfigMaps.
    pub(crate) config_maps: Arc<ConfigObjects>,
    /// Secrets.
    pub(crate) secrets: Arc<ConfigObjects>,
    /// Services, for the address of the guest's DNS.
    pub(crate) services: Arc<Services>,
    /// The host's priority classes, if they are shown.
    pub(crate) priority_classes: Option<Arc<Projections>>,
    /// The host's runtime classes, if they are shown.
    pub(crate) runtime_classes: Option<Arc<Projections>>,
    /// The host's nodes, if they are shown.
    pub(crate) copied_nodes: Option<Arc<Projections>>,
    /// Service accounts, if they have mirrors.
    pub(crate) accounts: Option<Arc<CoreKindReconciler>>,
}

impl Pods {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, dependencies: Dependencies) -> Arc<Self> {
        let Dependencies {
            references,
            config_maps,
            secrets,
            services,
            priority_classes,
            runtime_classes,
            copied_nodes,
            accounts,
        } = dependencies;
        references.expect(REFERRERS);
        let guest: Arc<Store<Pod>> = Arc::default();
        let host = Arc::new(Store::with_deleted());
        Arc::new(Self {
            tokens: Tokens::new(context, &guest, &secrets),
            nodes: Nodes::new(context, &guest, &host, copied_nodes),
            context: context.clone(),
            guest,
            host,
            queue: Arc::default(),
            references,
            config_maps,
            secrets,
            services,
            priority_classes,
            runtime_classes,
            accounts,
            reviewed: Mutex::default(),
            shown: Mutex::default(),
            ledger: context.budget().ledger(),
        })
    }

    /// Returns the reconciler of their tokens.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Returns the reconciler of their nodes.
    pub(crate) fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Returns the guest's pods.
    pub(crate) fn guest(&self) -> &Arc<Store<Pod>> {
        &self.guest
    }

    /// Returns the host's pods in the tenant's namespaces, mirrors and foreign ones.
    pub(crate) fn host(&self) -> &Arc<Store<Pod>> {
        &self.host
    }

    /// Watches pods on both sides. `seen` is called for each change of a pod on either side, and when the guest has listed all of
    /// its pods.
    pub(crate) fn watch(self: &Arc<Self>, seen: impl Fn(&Change) + Clone + Send + Sync + 'static) {
        let (reconciler, tell) = (self.clone(), seen.clone());
        let guests: Api<Pod> = Api::all(self.context.guest());
        self.context.watch_guest(
            "pods",
            guests,
            &self.guest,
            |pod| pod,
            move |change| {
                match &change {
                    Change::Object(key) => reconciler.guest_changed(key),
                    Change::Complete => {
                        reconciler.references.know(REFERRERS);
                        reconciler.queue.begin_initial_sync();
                        reconciler.tokens.queue().begin_initial_sync();
                    }
                }
                tell(&change);
            },
        );
        let reconciler = self.clone();
        let changed = with_guest_keys(&self.guest, move |key: Key| {
            reconciler.queue.add(key.clone());
            seen(&Change::Object(key));
        });
        let hosts = |context: &Context, namespace: &str| context.host_api::<Pod>(namespace);
        self.context.watch_hosts(
            "pods",
            hosts,
            &watcher::Config::default(),
            &self.host,
            |pod| pod,
            changed,
        );
    }

    fn guest_changed(&self, key: &Key) {
        let guest = self.guest.get(key);
        let mut named = Needs::new();
        if let Some(pod) = guest.as_deref().filter(|pod| !is_copy(&self.context, pod)) {
            named = needs::of_pod(pod);
            for (reference, need) in needs::of_added_containers(pod, None) {
                let most = named.entry(reference).or_insert(need);
                *most = need.max(*most);
            }
        }
        self.references.set(&Referrer::Pod(key.clone()), named);
        self.tokens.queue().add(key.clone());
        if guest.is_none() {
            self.nodes.recheck();
        }
        self.queue.add(key.clone());
    }

    /// Requeues the tokens of all pods in a namespace, whose Secrets are known now.
    pub(crate) fn recheck_tokens(&self, namespace: &str) {
        for key in self.guest.keys_in(namespace) {
            self.tokens.queue().add(key);
        }
    }

    /// Requeues the pods and exported objects that wait for a ConfigMap or Secret.
    pub(crate) fn recheck_naming(&self, payload: ConfigObject, key: &Key) {
        let reference = (payload, key.clone());
        for key in self.references.pods_naming(&reference) {
            let waits = match (self.guest.get(&key), self.host.get(&key)) {
                (Some(guest), Some(host)) => !needs::of_added_containers(&guest, Some(&host)).is_empty(),
                _ => true,
            };
            if waits {
                self.queue.add(key);
            }
        }
        self.references.recheck_naming(&reference);
    }

    /// Requeues a pod that may wait for its creation.
    pub(crate) fn recheck(&self, key: Key) {
        if self.host.get(&key).is_none() {
            self.queue.add(key);
        }
    }

    /// Requeues the pods of a guest namespace that may wait for their creation.
    pub(crate) fn recheck_namespace(&self, namespace: &str) {
        for key in self.guest.keys_in(namespace) {
            self.recheck(key);
        }
    }

    /// Requeues all pods that may wait for their creation.
    pub(crate) fn recheck_all(&self) {
        self.guest.keys().into_iter().for_each(|key| self.recheck(key));
    }

    /// Returns true if a guest pod has no mirror, although the host's pods are not known: it was never bound, or the host
    /// namespace is not this virtual cluster's.
    fn has_none_on_host(&self, key: &Key, guest: &Pod) -> bool {
        let is_bound = guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        !is_bound || self.context.watched_namespaces().is_refused(&key.namespace)
    }

    async fn delete_host(&self, key: &Key, host: &Pod, grace: Option<i64>) -> Result<(), ReconcileError> {
        let kind = ApiResource::erase::<Pod>(&());
        let writer = self.context.on_host(&kind, key);
        writer.delete(&delete::with_grace(&host.metadata, grace)).await
    }

    async fn delete_guest(&self, key: &Key, guest: &Pod, grace: Option<i64>) -> Result<(), ReconcileError> {
        let kind = ApiResource::erase::<Pod>(&());
        let writer = self.context.in_guest(&kind, key);
        writer.delete(&delete::with_grace(&guest.metadata, grace)).await
    }

    fn forget(&self, key: &Key) {
        self.shown().remove(key);
        self.host.forget_deleted(key);
        self.reviewed().remove(key);
        self.ledger.forget(key);
    }

    fn reviewed(&self) -> MutexGuard<'_, HashMap<Key, String>> {
        self.reviewed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reconciler for Pods {
    fn name(&self) -> String {
        "pods".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|pod| pod.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let guest = self.guest.get(key);
        if (guest.as_deref()).is_some_and(|pod| is_copy(&self.context, pod)) {
            self.host.forget_deleted(key);
            return Ok(Action::AwaitChange);
        }
        if !self.host.has_listed_namespace(&key.namespace) {
            return match guest {
                Some(guest) if is_going(&guest) && self.has_none_on_host(key, &guest) => {
                    self.end(key, &guest).await
                }
                _ => Ok(Action::NotSynced),
            };
        }
        let host = self.host.get(key);
        if guest.is_none() {
            self.forget(key);
        }
        let (guest, host) = (guest.as_deref(), host.as_deref());
        match (decide(guest, host), guest, host) {
            (Step::Create, Some(guest), _) => self.create(key, guest).await,
            (Step::Keep(change), Some(guest), Some(host)) => self.keep(key, guest, host, change).await,
            (Step::End, Some(guest), _) => self.end(key, guest).await,
            (Step::DeleteHost, _, Some(host)) => {
                self.delete_host(key, host, None).await?;
                Ok(Action::AwaitChange)
            }
            (Step::DeleteFormer, _, Some(host)) => {
                self.delete_host(key, host, None).await?;
                Ok(NAME_IN_USE)
            }
            (Step::Wait, ..) => Ok(NAME_IN_USE),
            (Step::Refuse, ..) => Err(ReconcileError::Refused(format!(
                "the host has a pod {} that is not this virtual cluster's: it is left as it is",
                key.name
            ))),
            _ => Ok(Action::AwaitChange),
        }
    }
}

/// Returns true if a guest pod is a copy of a foreign host pod.
fn is_copy(context: &Context, guest: &Pod) -> bool {
    context.is_copy(&ApiResource::erase::<Pod>(&()), &guest.metadata)
}

pub(crate) fn is_going(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Returns true if a pod has reached its last phase.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Returns true if a guest pod has had a mirror: only a pod that ran, or that the syncer bound, has these fields. The tenant may
/// have written the name of a node itself.
fn was_bound(guest: &Pod) -> bool {
    let Some(status) = &guest.status else { return false };
    let scheduled = (status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "PodScheduled" && condition.status == "True");
    let bound = guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    bound && (scheduled || status.start_time.is_some())
}
