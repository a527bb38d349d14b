//! What the host's scheduler and kubelets say about the tenant's pods, told in the guest.
//!
//! Of an event no more is kept than which pod it is about; it is read when it is told. One that comes before its pod
//! waits for it. The guest lets what it was told expire by itself, as it does all events.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Event, ObjectReference, Pod};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, Resource};

use self::told::told;
use super::cache::{Cache, Change};
use super::engine::{Engine, MANAGER};
use super::failure::{Attempt, Failure};
use super::key::Key;
use super::marks;
use super::object::Applied;
use super::part::{Next, Part};
use super::pods::Pods;
use super::queue::Queue;

/// An event in the guest's words.
mod told;

/// Tells the guest the host's events about its pods.
#[derive(Debug)]
pub(crate) struct Events {
    engine: Engine,
    pods: Arc<Pods>,
    host: Arc<Cache<Heard>>,
    queue: Queue,
    /// The events that wait for their pods.
    waiting: Mutex<HashMap<Key, BTreeSet<Key>>>,
}

/// One version of a host event.
#[derive(Debug)]
struct Heard {
    pod: String,
    pod_uid: String,
    /// Whether the guest has been told, or need not be.
    is_told: AtomicBool,
}

impl Events {
    /// Makes the part; nothing runs yet.
    pub(crate) fn new(engine: &Engine, pods: &Arc<Pods>) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            pods: pods.clone(),
            host: Arc::default(),
            queue: Queue::default(),
            waiting: Mutex::default(),
        })
    }

    /// Watches the host's events about pods. What the guest has of events is not looked at.
    pub(crate) fn watch(self: &Arc<Self>) {
        let part = self.clone();
        let hosts = |engine: &Engine, namespace: &str| engine.host_api::<Event>(namespace);
        let keep = |event: Event| Heard {
            pod: event.involved_object.name.unwrap_or_default(),
            pod_uid: event.involved_object.uid.unwrap_or_default(),
            is_told: AtomicBool::new(false),
        };
        let changed = move |_: &str, change| {
            if let Change::Object(key) = change {
                part.queue.add(key);
            }
        };
        let about_pods = watcher::Config::default().fields("involvedObject.kind=Pod");
        self.engine
            .watch_hosts("events", hosts, &about_pods, &self.host, keep, changed);
    }

    /// Takes note of what the part that keeps pods has seen.
    pub(crate) fn seen(&self, change: &Change) {
        match change {
            Change::Object(pod) => {
                let waiting = self.waiting().remove(pod);
                waiting
                    .into_iter()
                    .flatten()
                    .for_each(|event| self.queue.add(event));
            }
            Change::Complete => self.queue.begin_first_pass(),
        }
    }

    /// The guest's and the host's pod that an event is about, once both are known.
    fn pods(&self, pod: &Key, heard: &Heard) -> Option<(Arc<Pod>, Arc<Pod>)> {
        let host = self.pods.host().get(pod)?;
        let guest = self.pods.guest().get(pod)?;
        let shows = match marks::guest_of(&host.metadata) {
            Some(ours) => guest.metadata.uid.as_ref() == Some(&ours.uid),
            None => marks::shows(&guest.metadata) == host.metadata.uid.as_deref(),
        };
        (host.metadata.uid.as_ref() == Some(&heard.pod_uid) && shows).then_some((guest, host))
    }

    fn wait(&self, pod: &Key, event: &Key) {
        self.waiting()
            .entry(pod.clone())
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

impl Part for Events {
    fn name(&self) -> String {
        "events".to_owned()
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn subject(&self, _: &Key) -> Option<ObjectReference> {
        None
    }

    async fn look(&self, key: &Key) -> Result<Next, Failure> {
        let Some(heard) = self.host.get(key) else {
            self.wait_no_more(key);
            return Ok(Next::Idle);
        };
        if heard.is_told.load(Ordering::Relaxed) {
            return Ok(Next::Idle);
        }
        let pod = Key::new(key.namespace.clone(), heard.pod.clone());
        // First, so that a pod which comes between the two is not missed.
        self.wait(&pod, key);
        let Some((guest, host)) = self.pods(&pod, &heard) else {
            return Ok(Next::Idle);
        };
        self.wait_no_more(key);
        let hosts: Api<Event> = self.engine.host_api(&key.namespace);
        let read = hosts.get_opt(&key.name).await;
        let Some(event) = read.attempting(|| format!("read event {key} of the host"))? else {
            return Ok(Next::Idle);
        };
        if let Some(told) = told(event, &guest, &host) {
            self.engine.metrics().write("guest", &Event::kind(&()), "apply");
            let guests: Api<Event> = self.engine.guest_api(&key.namespace);
            guests
                .patch_metadata(
                    &key.name,
                    &PatchParams::apply(MANAGER).force(),
                    &Patch::Apply(Applied(&told)),
                )
                .await
                .attempting(|| format!("tell event {key} in the guest"))?;
        }
        heard.is_told.store(true, Ordering::Relaxed);
        Ok(Next::Idle)
    }
}
