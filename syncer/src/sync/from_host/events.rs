//! Events of the host's scheduler, kubelets and storage about the tenant's pods and PVCs, shown in the guest.
//!
//! The store keeps only the subject of an event; the event is read when it is published. An event that arrives before its object
//! waits for it. The guest lets published events expire, as it does all events.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Event, ObjectReference};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, Resource};

use self::translate::{Subject, translate};
use crate::sync::pods::Pods;
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::to_host::core_kinds::CoreKindReconciler;
use crate::sync::write::object::Applied;
use crate::sync::write::ownership;

/// The translation of an event for the guest.
mod translate;

/// Reconciler of the host's events about objects of one kind.
#[derive(Debug)]
pub(crate) struct Events {
    context: Context,
    subjects: Subjects,
    host: Arc<Store<Heard>>,
    queue: WorkQueue,
    /// The events that wait for their objects.
    waiting: Mutex<HashMap<Key, BTreeSet<Key>>>,
}

/// The objects that events are about.
#[derive(Debug)]
pub(crate) enum Subjects {
    /// Pods.
    Pods(Arc<Pods>),
    /// PVCs.
    Claims(Arc<CoreKindReconciler>),
}

/// One version of a host event.
#[derive(Debug)]
struct Heard {
    name: String,
    uid: String,
    /// True if the event has been published in the guest, or need not be.
    is_shown: AtomicBool,
}

impl Events {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, subjects: Subjects) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            subjects,
            host: Arc::default(),
            queue: WorkQueue::default(),
            waiting: Mutex::default(),
        })
    }

    /// Watches the host's events about the kind. Events in the guest are not watched.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let hosts = |context: &Context, namespace: &str| context.host_api::<Event>(namespace);
        let keep = |event: Event| Heard {
            name: event.involved_object.name.unwrap_or_default(),
            uid: event.involved_object.uid.unwrap_or_default(),
            is_shown: AtomicBool::new(false),
        };
        let changed = move |_: &str, change| {
            if let Change::Object(key) = change {
                reconciler.queue.add(key);
            }
        };
        let kind = match self.subjects {
            Subjects::Pods(_) => "Pod",
            Subjects::Claims(_) => "PersistentVolumeClaim",
        };
        let about = watcher::Config::default().fields(&format!("involvedObject.kind={kind}"));
        self.context
            .watch_hosts(&self.name(), hosts, &about, &self.host, keep, changed);
    }

    /// Handles a change that the reconciler of the kind has seen.
    pub(crate) fn seen(&self, change: &Change) {
        match change {
            Change::Object(subject) => {
                let waiting = self.waiting().remove(subject);
                waiting
                    .into_iter()
                    .flatten()
                    .for_each(|event| self.queue.add(event));
            }
            Change::Complete => self.queue.begin_initial_sync(),
        }
    }

    /// Returns the guest object and the host object of an event, once both are known.
    fn found(&self, key: &Key, heard: &Heard) -> Option<Subject> {
        let found = match &self.subjects {
            Subjects::Pods(pods) => Subject::Pod(pods.guest().get(key)?, pods.host().get(key)?),
            Subjects::Claims(claims) => Subject::Claim(claims.guest().get(key)?, claims.host().get(key)?),
        };
        let (guest, host) = found.both();
        let shows = match ownership::guest_of(host) {
            Some(ours) => guest.uid.as_ref() == Some(&ours.uid),
            None => ownership::shows(guest).is_some() && ownership::shows(guest) == host.uid.as_deref(),
        };
        (host.uid.as_ref() == Some(&heard.uid) && shows).then_some(found)
    }

    fn wait(&self, subject: &Key, event: &Key) {
        self.waiting()
            .entry(subject.clone())
            .or_default()
            .insert(event.clone());
    }

    fn wait_no_more(&self, event: &Key) {
        self.waiting().retain(|_, events| {
            events.remove(event);
            !events.is_empty()
        });
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Key, BTreeSet<Key>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reconciler for Events {
    fn name(&self) -> String {
        match self.subjects {
            Subjects::Pods(_) => "events".to_owned(),
            Subjects::Claims(_) => "events of PVCs".to_owned(),
        }
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn subject(&self, _: &Key) -> Option<ObjectReference> {
        None
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let Some(heard) = self.host.get(key) else {
            self.wait_no_more(key);
            return Ok(Action::AwaitChange);
        };
        if heard.is_shown.load(Ordering::Relaxed) {
            return Ok(Action::AwaitChange);
        }
        let about = Key::new(key.namespace.clone(), heard.name.clone());
        // First, so that what comes between the two is not missed.
        self.wait(&about, key);
        let Some(subject) = self.found(&about, &heard) else {
            return Ok(Action::AwaitChange);
        };
        self.wait_no_more(key);
        let hosts: Api<Event> = self.context.host_api(&key.namespace);
        let read = hosts.get_opt(&key.name).await;
        let Some(event) = read.attempting(|| format!("read Event {key} of the host"))? else {
            return Ok(Action::AwaitChange);
        };
        if let Some(translated) = translate(event, &subject) {
            self.context.metrics().write("guest", &Event::kind(&()), "apply");
            let guests: Api<Event> = self.context.guest_api(&key.namespace);
            guests
                .patch_metadata(
                    &key.name,
                    &PatchParams::apply(MANAGER).force(),
                    &Patch::Apply(Applied(&translated)),
                )
                .await
                .attempting(|| format!("write Event {key} to the guest"))?;
        }
        heard.is_shown.store(true, Ordering::Relaxed);
        Ok(Action::AwaitChange)
    }
}
