//! The host namespaces that are watched, and the watches in them.
//!
//! The syncer may not list objects across the host. So the watches of each kind are started by namespace, once the namespace
//! exists, and end with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A guest namespace whose host namespace is watched.
#[derive(Clone, Debug)]
pub(crate) struct WatchedNamespace {
    /// The guest namespace.
    pub(crate) namespace: String,
    /// Ends the watches.
    pub(crate) stop: CancellationToken,
    /// The tasks of the watches.
    pub(crate) tasks: TaskTracker,
}

/// Starts a watch in one namespace; it has to run in [`WatchedNamespace::tasks`] until [`WatchedNamespace::stop`].
type Follower = Box<dyn Fn(&WatchedNamespace) + Send + Sync>;

/// The namespaces, and the followers to start in each.
pub(crate) struct WatchedNamespaces {
    state: Mutex<State>,
    stop: CancellationToken,
}

#[derive(Default)]
struct State {
    followers: Vec<Follower>,
    namespaces: HashMap<String, WatchedNamespace>,
    refused: HashSet<String>,
}

impl WatchedNamespaces {
    /// Creates an empty set.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self {
            state: Mutex::default(),
            stop,
        }
    }

    /// Adds a follower, which is started in each namespace that is watched now or later.
    pub(crate) fn follow(&self, follower: impl Fn(&WatchedNamespace) + Send + Sync + 'static) {
        let mut state = self.state();
        state.namespaces.values().for_each(&follower);
        state.followers.push(Box::new(follower));
    }

    /// Watches a namespace, if it is not watched yet.
    pub(crate) fn begin(&self, namespace: &str) {
        let mut state = self.state();
        if state.namespaces.contains_key(namespace) {
            return;
        }
        let watched = WatchedNamespace {
            namespace: namespace.to_owned(),
            stop: self.stop.child_token(),
            tasks: TaskTracker::new(),
        };
        for follower in &state.followers {
            follower(&watched);
        }
        state.namespaces.insert(namespace.to_owned(), watched);
    }

    /// Ends the watches in a namespace and waits until the stores have forgotten its objects.
    pub(crate) async fn end(&self, namespace: &str) {
        let watched = self.state().namespaces.remove(namespace);
        if let Some(watched) = watched {
            watched.stop.cancel();
            watched.tasks.close();
            watched.tasks.wait().await;
        }
    }

    /// Returns the guest namespaces whose host namespaces are watched.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        self.state().namespaces.keys().cloned().collect()
    }

    /// Records that a guest namespace can't have a host namespace, or that it can, so that nothing waits in vain.
    pub(crate) fn refuse(&self, namespace: &str, refused: bool) {
        let mut state = self.state();
        if refused {
            state.refused.insert(namespace.to_owned());
        } else {
            state.refused.remove(namespace);
        }
    }

    /// Returns true if a guest namespace can't have a mirror.
    pub(crate) fn is_refused(&self, namespace: &str) -> bool {
        self.state().refused.contains(namespace)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
