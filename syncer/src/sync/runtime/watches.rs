//! Starting informers: one for the guest, one for each namespace of the host.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::context::Context;
use super::informer::{Change, Informer, Scope, Store};
use super::key::Key;
use crate::sync::pods;

impl Context {
    /// Fills a store with all guest objects of a kind.
    pub(crate) fn watch_guest<K, T>(
        &self,
        what: &str,
        api: Api<K>,
        store: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Send + 'static,
        changed: impl Fn(Change) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.watch_all(self.informer("guest", what, store), api, keep, changed);
    }

    /// Fills a store with all host objects of a kind.
    pub(crate) fn watch_host<K, T>(
        &self,
        what: &str,
        api: Api<K>,
        store: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Send + 'static,
        changed: impl Fn(Change) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.watch_all(self.informer("host", what, store), api, keep, changed);
    }

    /// Returns an informer of a whole side. The objects of its store are counted from now on.
    pub(crate) fn informer<T>(&self, side: &'static str, what: &str, store: &Arc<Store<T>>) -> Informer<T>
    where
        T: Send + Sync + 'static,
    {
        self.metrics().gauges().hold(side, what, store);
        Informer {
            store: store.clone(),
            scope: Scope::Everything,
            what: format!("{what} of the {side}"),
            stop: self.stop().clone(),
        }
    }

    fn watch_all<K, T>(
        &self,
        informer: Informer<T>,
        api: Api<K>,
        keep: impl Fn(K) -> T + Send + 'static,
        changed: impl Fn(Change) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        let keep = move |mut object: K| {
            slim(object.meta_mut());
            Some((Key::of(object.meta()), keep(object)))
        };
        self.tasks()
            .spawn(informer.run(api, watcher::Config::default(), keep, changed));
    }

    /// Fills a store with the host objects of a kind in the tenant's namespaces, by guest namespace and host name.
    ///
    /// `changed` also gets the guest namespace.
    pub(crate) fn watch_hosts<K, T>(
        &self,
        what: &str,
        api: impl Fn(&Self, &str) -> Api<K> + Send + Sync + 'static,
        config: &watcher::Config,
        store: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Clone + Send + Sync + 'static,
        changed: impl Fn(&str, Change) + Clone + Send + Sync + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.metrics().gauges().hold("host", what, store);
        let context = self.clone();
        let (what, config, store) = (what.to_owned(), config.clone(), store.clone());
        self.watched_namespaces().follow(move |watched| {
            let namespace = watched.namespace.clone();
            let informer = Informer {
                store: store.clone(),
                scope: Scope::Namespace(namespace.clone()),
                what: format!("{what} of the host for {namespace}"),
                stop: watched.stop.clone(),
            };
            let (keep, changed) = (keep.clone(), changed.clone());
            let (within, of) = (namespace.clone(), namespace);
            let keep = move |mut object: K| {
                slim(object.meta_mut());
                let name = object.meta().name.clone().unwrap_or_default();
                Some((Key::new(within.clone(), name), keep(object)))
            };
            let api = api(&context, &watched.namespace);
            watched
                .tasks
                .spawn(informer.run(api, config.clone(), keep, move |change| changed(&of, change)));
        });
    }
}

/// Returns a listener for a kind's watches on the host. `changed` gets each key that changes, and all keys that the guest has in a
/// namespace once the host's list of that namespace is complete.
pub(crate) fn with_guest_keys<T: Send + Sync + 'static>(
    guest: &Arc<Store<T>>,
    changed: impl Fn(Key) + Clone + Send + Sync + 'static,
) -> impl Fn(&str, Change) + Clone + Send + Sync + 'static {
    let guest = guest.clone();
    move |namespace, change| match change {
        Change::Object(key) => changed(key),
        Change::Complete => guest.keys_in(namespace).into_iter().for_each(&changed),
    }
}

/// Returns the metadata alone.
pub(crate) fn metadata<K>(object: PartialObjectMeta<K>) -> ObjectMeta {
    object.metadata
}

/// Drops metadata that is long and never read.
fn slim(meta: &mut ObjectMeta) {
    if let Some(entries) = &mut meta.managed_fields {
        entries.retain(pods::is_record);
    }
    meta.managed_fields.take_if(|entries| entries.is_empty());
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}
