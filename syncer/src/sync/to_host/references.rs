//! Index of the guest objects that name ConfigMaps and Secrets: only those that are named have mirrors.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::core::ApiResource;

pub(crate) use self::needs::{Need, Needs};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::work_queue::WorkQueue;

/// The references of single objects.
pub(crate) mod needs;

/// The objects that Dapr's annotations name.
pub(crate) mod dapr;

/// The two kinds that have mirrors because others name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ConfigObject {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// A named ConfigMap or Secret.
pub(crate) type Reference = (ConfigObject, Key);

/// A guest object that names others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Referrer {
    /// A pod.
    Pod(Key),
    /// An object of another kind, with the name of the kind by [`kind_of`].
    Exported(String, Key),
}

impl Referrer {
    /// Returns the referrer for an exported object.
    pub(crate) fn exported(kind: &ApiResource, key: &Key) -> Self {
        Self::Exported(kind_of(kind), key.clone())
    }
}

/// Returns the name of a kind of referrers.
fn kind_of(kind: &ApiResource) -> String {
    format!("{}.{}", kind.plural, kind.group)
}

/// Index of referrers and the objects that they name.
#[derive(Debug, Default)]
pub(crate) struct References {
    state: Mutex<State>,
    config_maps: Arc<WorkQueue>,
    secrets: Arc<WorkQueue>,
}

#[derive(Debug, Default)]
struct State {
    by_referrer: HashMap<Referrer, Needs>,
    by_reference: HashMap<Reference, HashMap<Referrer, Need>>,
    /// Kinds whose references are not all known yet.
    unknown: HashSet<String>,
    /// The queues of the kinds whose objects wait for the objects that they name.
    waiting: HashMap<String, Arc<WorkQueue>>,
}

impl References {
    /// Returns the queue of a kind. It gets a key when the first object names it, or the last no longer does.
    pub(crate) fn queue(&self, payload: ConfigObject) -> &Arc<WorkQueue> {
        match payload {
            ConfigObject::ConfigMap => &self.config_maps,
            ConfigObject::Secret => &self.secrets,
        }
    }

    /// Returns true if anything names the object.
    pub(crate) fn holds(&self, reference: &Reference) -> bool {
        self.state().by_reference.contains_key(reference)
    }

    /// Returns true if an object names it and does not work without it.
    pub(crate) fn requires(&self, reference: &Reference) -> bool {
        let state = self.state();
        let needs = state.by_reference.get(reference).into_iter().flatten();
        needs.into_iter().any(|(_, need)| *need == Need::Required)
    }

    /// Marks a kind as unknown: its objects may name something, and [`References::set`] is going to be called for all of them.
    pub(crate) fn expect(&self, kind: &str) {
        self.state().unknown.insert(kind.to_owned());
    }

    /// Marks a kind as known: [`References::set`] has been called for all of its objects.
    pub(crate) fn know(&self, kind: &str) {
        self.state().unknown.remove(kind);
    }

    /// Returns true if all references are known. Until then, an object that nothing seems to name may yet be named.
    pub(crate) fn are_known(&self) -> bool {
        self.state().unknown.is_empty()
    }

    /// Sets the references of an object; `needs` is empty once it is gone.
    pub(crate) fn set(&self, referrer: &Referrer, needs: Needs) {
        let mut changed = Vec::new();
        {
            let mut state = self.state();
            let before = state.by_referrer.remove(referrer).unwrap_or_default();
            for (reference, need) in &needs {
                let referrers = state.by_reference.entry(reference.clone()).or_default();
                if referrers.is_empty() {
                    changed.push(reference.clone());
                }
                referrers.insert(referrer.clone(), *need);
            }
            for reference in before.keys().filter(|reference| !needs.contains_key(reference)) {
                let referrers = state.by_reference.entry(reference.clone()).or_default();
                referrers.remove(referrer);
                if referrers.is_empty() {
                    state.by_reference.remove(reference);
                    changed.push(reference.clone());
                }
            }
            if !needs.is_empty() {
                state.by_referrer.insert(referrer.clone(), needs);
            }
        }
        for (payload, key) in changed {
            self.queue(payload).add(key);
        }
    }

    /// Returns the pods that name an object.
    pub(crate) fn pods_naming(&self, reference: &Reference) -> Vec<Key> {
        let state = self.state();
        let referrers = state.by_reference.get(reference).into_iter().flatten();
        referrers
            .filter_map(|(referrer, _)| match referrer {
                Referrer::Pod(key) => Some(key.clone()),
                Referrer::Exported(..) => None,
            })
            .collect()
    }

    /// Registers the queue of a kind whose objects may wait for what they name.
    pub(crate) fn register(&self, kind: &ApiResource, queue: &Arc<WorkQueue>) {
        self.state().waiting.insert(kind_of(kind), queue.clone());
    }

    /// Requeues the objects of registered kinds that name an object.
    pub(crate) fn recheck_naming(&self, reference: &Reference) {
        let state = self.state();
        let referrers = state.by_reference.get(reference).into_iter().flatten();
        for (referrer, _) in referrers {
            if let Referrer::Exported(kind, key) = referrer
                && let Some(queue) = state.waiting.get(kind)
            {
                queue.add(key.clone());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> Reference {
        (ConfigObject::Secret, Key::new("default", name))
    }

    fn needs(name: &str, need: Need) -> Needs {
        Needs::from([(secret(name), need)])
    }

    #[test]
    fn one_object_that_does_not_work_without_it_is_enough_to_require_it() {
        let references = References::default();
        let (first, second) = (
            Referrer::Pod(Key::new("default", "1")),
            Referrer::Pod(Key::new("default", "2")),
        );
        references.set(&first, needs("redis", Need::Optional));
        assert!(!references.requires(&secret("redis")));
        references.set(&second, needs("redis", Need::Required));
        assert!(references.requires(&secret("redis")));
        assert!(!references.requires(&secret("other")));
        references.set(&second, Needs::new());
        assert!(!references.requires(&secret("redis")));
    }

    #[test]
    fn what_nothing_names_is_certain_once_all_kinds_are_known() {
        let references = References::default();
        references.expect("pods");
        references.expect("components");
        references.know("pods");
        assert!(!references.are_known());
        references.know("components");
        assert!(references.are_known());
    }

    #[tokio::test]
    async fn an_object_of_a_registered_kind_is_requeued_when_what_it_names_changes() {
        let references = References::default();
        let kind = ApiResource::erase::<k8s_openapi::api::networking::v1::Ingress>(&());
        let store = Key::new("default", "store");
        references.set(&Referrer::exported(&kind, &store), needs("redis", Need::Required));
        let queue = Arc::new(WorkQueue::default());
        references.recheck_naming(&secret("redis"));
        references.register(&kind, &queue);
        references.recheck_naming(&secret("other"));
        assert_eq!(queue.len(), 0);
        references.recheck_naming(&secret("redis"));
        assert_eq!(queue.next().await, store);
    }

    #[tokio::test]
    async fn only_the_first_and_the_last_to_name_a_secret_have_it_looked_at() {
        let references = References::default();
        let (first, second) = (
            Referrer::Pod(Key::new("default", "1")),
            Referrer::Pod(Key::new("default", "2")),
        );
        references.set(&first, needs("redis", Need::Required));
        references.set(&second, needs("redis", Need::Required));
        let queue = references.queue(ConfigObject::Secret);
        let taken = queue.next().await;
        queue.done(&taken);
        references.set(&first, Needs::new());
        assert!(references.holds(&secret("redis")));
        references.set(&second, Needs::new());
        assert!(!references.holds(&secret("redis")));
        assert_eq!(queue.next().await, Key::new("default", "redis"));
    }
}
