//! What is known of the objects of one kind on one side, kept by watches.
//!
//! One cache takes in several watches (the host's are one a namespace), each of which answers for its own scope.

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

use super::fault_injection::{self, Mutation};
use super::key::Key;

/// What a watch covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// A whole side.
    Everything,
    /// The host's mirror of this guest namespace.
    Namespace(String),
}

/// The objects of one kind on one side, by the guest's names.
pub(crate) struct Store<T> {
    state: RwLock<State<T>>,
}

struct State<T> {
    objects: HashMap<Key, Arc<T>>,
    /// The scopes whose watches have listed everything at least once.
    complete: HashSet<Scope>,
    /// Those of them that the listener has been told of, object by object.
    told: HashSet<Scope>,
    /// Deleted objects as they were at last, if the cache keeps these.
    deleted: Option<HashMap<Key, Arc<T>>>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            state: RwLock::new(State {
                objects: HashMap::new(),
                complete: HashSet::new(),
                told: HashSet::new(),
                deleted: None,
            }),
        }
    }
}

impl<T> Debug for Store<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|state| write!(formatter, "Cache({} objects)", state.objects.len()))
    }
}

impl<T> Store<T> {
    /// Makes a cache that also keeps deleted objects, until [`Store::forget_deleted`].
    pub(crate) fn with_deleted() -> Self {
        let cache = Self::default();
        cache.change(|state| state.deleted = Some(HashMap::new()));
        cache
    }

    /// Returns the last state of the object that had that name, if it was deleted and none has the name now.
    pub(crate) fn deleted(&self, key: &Key) -> Option<Arc<T>> {
        self.with(|state| state.deleted.as_ref()?.get(key).cloned())
    }

    /// Forgets the deleted object of that name.
    pub(crate) fn forget_deleted(&self, key: &Key) {
        self.change(|state| state.deleted.as_mut().and_then(|deleted| deleted.remove(key)));
    }

    /// The object of that name.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.with(|state| state.objects.get(key).cloned())
    }

    /// Whether everything in a scope is known.
    pub(crate) fn has_listed(&self, scope: &Scope) -> bool {
        self.with(|state| state.complete.contains(scope))
    }

    /// Whether the listener has been told of everything in a scope.
    pub(crate) fn has_delivered(&self, scope: &Scope) -> bool {
        self.with(|state| state.told.contains(scope))
    }

    /// Whether the listener has been told of everything in the host's mirror of a guest namespace.
    pub(crate) fn has_delivered_namespace(&self, namespace: &str) -> bool {
        self.has_delivered(&Scope::Namespace(namespace.to_owned()))
    }

    /// Whether everything in the host's mirror of a guest namespace is known.
    pub(crate) fn has_listed_namespace(&self, namespace: &str) -> bool {
        self.has_listed(&Scope::Namespace(namespace.to_owned()))
    }

    /// The keys in a guest namespace.
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

    /// How many objects it has.
    pub(crate) fn len(&self) -> usize {
        self.with(|state| state.objects.len())
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.with(|state| state.objects.keys().cloned().collect())
    }

    /// Whether an object answers a question.
    pub(crate) fn any(&self, question: impl Fn(&T) -> bool) -> bool {
        self.with(|state| state.objects.values().any(|object| question(object)))
    }

    /// The first answer to a question.
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
            state.told.remove(scope);
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

    /// Removes an object that was deleted; `last` is its last state, if the watch told it.
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

/// What a watch has just done to a cache.
#[derive(Debug)]
pub(crate) enum Change {
    /// The object of that name came, went or differs.
    Object(Key),
    /// Everything in the scope is known now.
    Complete,
}

/// One watch that feeds a cache.
pub(crate) struct Informer<T> {
    /// Where it goes.
    pub(crate) cache: Arc<Store<T>>,
    /// What it answers for.
    pub(crate) scope: Scope,
    /// What it is called in the log.
    pub(crate) what: String,
    /// Ends it.
    pub(crate) stop: CancellationToken,
}

impl<T: Send + Sync> Informer<T> {
    /// Keeps the cache up to date until it is stopped; a watch that breaks is taken up again.
    ///
    /// `keep` says under which key an object is kept and what of it, or that it is of no interest. `changed` learns
    /// of what a list holds when the list is at its end: before that, what is missing may be still to come.
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
            cache,
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
                        cache.change(|state| state.insert(key, value));
                    }
                }
                Ok(watcher::Event::InitDone) => {
                    let gone = cache.change(|state| {
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
                    cache.change(|state| state.told.insert(scope.clone()));
                }
                Ok(watcher::Event::Apply(object)) => {
                    if let Some((key, value)) = keep(object) {
                        if !(fault_injection::is(Mutation::StaleReads) && cache.get(&key).is_some()) {
                            cache.change(|state| state.insert(key.clone(), value));
                        }
                        changed(Change::Object(key));
                    }
                }
                Ok(watcher::Event::Delete(object)) => {
                    if let Some((key, value)) = keep(object) {
                        cache.change(|state| state.remove(key.clone(), Some(value)));
                        changed(Change::Object(key));
                    }
                }
                Err(error) => warn!(%what, error = &error as &dyn std::error::Error, "lost a watch"),
            }
        }
        cache.forget(&scope);
    }
}
