//! Stores of the objects of one kind on one side, and the informers that fill them by watches.
//!
//! Several informers can fill one store: on the host there is one for each namespace. Each is responsible for its own scope.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug};
use std::sync::{Arc, PoisonError, RwLock};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::key::Key;

/// The scope of a watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// A whole side.
    Everything,
    /// The host's mirror of this guest namespace.
    Namespace(String),
}

/// The objects of one kind on one side, by their names in the guest.
pub(crate) struct Store<T> {
    state: RwLock<State<T>>,
}

struct State<T> {
    objects: HashMap<Key, Arc<T>>,
    /// The scopes whose watches have listed everything at least once.
    complete: HashSet<Scope>,
    /// The scopes of which the listener has seen each object.
    delivered: HashSet<Scope>,
    /// The last state of deleted objects, if the store keeps these.
    deleted: Option<HashMap<Key, Arc<T>>>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            state: RwLock::new(State {
                objects: HashMap::new(),
                complete: HashSet::new(),
                delivered: HashSet::new(),
                deleted: None,
            }),
        }
    }
}

impl<T> Debug for Store<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|state| write!(formatter, "Store({} objects)", state.objects.len()))
    }
}

impl<T> Store<T> {
    /// Creates a store that also keeps deleted objects, until [`Store::forget_deleted`].
    pub(crate) fn with_deleted() -> Self {
        let store = Self::default();
        store.change(|state| state.deleted = Some(HashMap::new()));
        store
    }

    /// Returns the last state of the object that had that name, if it was deleted and none has the name now.
    pub(crate) fn deleted(&self, key: &Key) -> Option<Arc<T>> {
        self.with(|state| state.deleted.as_ref()?.get(key).cloned())
    }

    /// Forgets the deleted object of that name.
    pub(crate) fn forget_deleted(&self, key: &Key) {
        self.change(|state| state.deleted.as_mut().and_then(|deleted| deleted.remove(key)));
    }

    /// Returns the object of a name.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.with(|state| state.objects.get(key).cloned())
    }

    /// Returns true once the initial list of a scope is complete.
    pub(crate) fn has_listed(&self, scope: &Scope) -> bool {
        self.with(|state| state.complete.contains(scope))
    }

    /// Returns true once the listener has seen the initial list of a scope.
    pub(crate) fn has_delivered(&self, scope: &Scope) -> bool {
        self.with(|state| state.delivered.contains(scope))
    }

    /// Returns true if the listener has seen everything in the host's mirror of a guest namespace.
    pub(crate) fn has_delivered_namespace(&self, namespace: &str) -> bool {
        self.has_delivered(&Scope::Namespace(namespace.to_owned()))
    }

    /// Returns true if the store has everything in the host's mirror of a guest namespace.
    pub(crate) fn has_listed_namespace(&self, namespace: &str) -> bool {
        self.has_listed(&Scope::Namespace(namespace.to_owned()))
    }

    /// Returns the keys in a guest namespace.
    pub(crate) fn keys_in(&self, namespace: &str) -> Vec<Key> {
        self.with(|state| {
            state
                .objects
                .keys()
                .filter(|key| key.namespace == namespace)
                .cloned()
                .collect()
        })
    }

    /// Returns the number of objects.
    pub(crate) fn len(&self) -> usize {
        self.with(|state| state.objects.len())
    }

    /// Returns all keys.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.with(|state| state.objects.keys().cloned().collect())
    }

    /// Returns true if an object meets a condition.
    pub(crate) fn any(&self, question: impl Fn(&T) -> bool) -> bool {
        self.with(|state| state.objects.values().any(|object| question(object)))
    }

    /// Returns the first result of a search.
    pub(crate) fn find_map<A>(&self, question: impl Fn(&Key, &T) -> Option<A>) -> Option<A> {
        self.with(|state| {
            state
                .objects
                .iter()
                .find_map(|(key, object)| question(key, object))
        })
    }

    /// Forgets a scope, whose watch has ended.
    fn forget(&self, scope: &Scope) {
        self.change(|state| {
            state.complete.remove(scope);
            state.delivered.remove(scope);
            state.objects.retain(|key, _| !scope.holds(key));
        });
    }

    fn with<R>(&self, look: impl FnOnce(&State<T>) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> State<T> {
    fn insert(&mut self, key: Key, object: T) {
        if let Some(deleted) = &mut self.deleted {
            deleted.remove(&key);
        }
        self.objects.insert(key, Arc::new(object));
    }

    /// Removes an object that was deleted; `last` is its last state, if the watch event has it.
    fn remove(&mut self, key: Key, last: Option<T>) {
        let known = self.objects.remove(&key);
        if let (Some(deleted), Some(last)) = (&mut self.deleted, last.map(Arc::new).or(known)) {
            deleted.insert(key, last);
        }
    }
}

impl Scope {
    fn holds(&self, key: &Key) -> bool {
        match self {
            Self::Everything => true,
            Self::Namespace(namespace) => key.namespace == *namespace,
        }
    }
}

/// A change of a store.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The object of that name was added, updated or deleted.
    Object(Key),
    /// The initial list of the scope is complete.
    Complete,
}

/// One watch that fills a store.
pub(crate) struct Informer<T> {
    /// The store.
    pub(crate) store: Arc<Store<T>>,
    /// The scope of the watch.
    pub(crate) scope: Scope,
    /// The name in the log.
    pub(crate) what: String,
    /// Ends the watch.
    pub(crate) stop: CancellationToken,
}

impl<T: Send + Sync> Informer<T> {
    /// Keeps the store up to date until it is stopped; a watch that breaks is started again.
    ///
    /// `keep` returns the key and the part of an object to keep, or nothing to leave the object out. `changed` gets the objects
    /// of a list when the list is complete: before that, an object that is missing may still come.
    pub(crate) async fn run<K>(
        self,
        api: Api<K>,
        config: watcher::Config,
        keep: impl Fn(K) -> Option<(Key, T)> + Send,
        changed: impl Fn(Change) + Send,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let Self {
            store,
            scope,
            what,
            stop,
        } = self;
        let mut events = watcher(api, config).default_backoff().boxed();
        let mut listed = HashSet::new();
        while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    if let Some((key, value)) = keep(object) {
                        listed.insert(key.clone());
                        store.change(|state| state.insert(key, value));
                    }
                }
                Ok(watcher::Event::InitDone) => {
                    let gone = store.change(|state| {
                        state.complete.insert(scope.clone());
                        let gone: Vec<Key> = (state.objects.keys())
                            .filter(|key| scope.holds(key) && !listed.contains(key))
                            .cloned()
                            .collect();
                        for key in &gone {
                            state.remove(key.clone(), None);
                        }
                        gone
                    });
                    debug!(%what, "listed everything");
                    let listed = std::mem::take(&mut listed);
                    (listed.into_iter().chain(gone))
                        .map(Change::Object)
                        .for_each(&changed);
                    changed(Change::Complete);
                    store.change(|state| state.delivered.insert(scope.clone()));
                }
                Ok(watcher::Event::Apply(object)) => {
                    if let Some((key, value)) = keep(object) {
                        store.change(|state| state.insert(key.clone(), value));
                        changed(Change::Object(key));
                    }
                }
                Ok(watcher::Event::Delete(object)) => {
                    if let Some((key, value)) = keep(object) {
                        store.change(|state| state.remove(key.clone(), Some(value)));
                        changed(Change::Object(key));
                    }
                }
                Err(error) => warn!(%what, error = &error as &dyn std::error::Error, "lost a watch"),
            }
        }
        store.forget(&scope);
    }
}
