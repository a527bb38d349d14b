//! Starting watches: one on the guest, one a namespace on the host.

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
    /// Keeps a cache of all guest objects of a kind.
    pub(crate) fn watch_guest<K, T>(
        &self,
        what: &str,
        api: Api<K>,
        cache: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Send + 'static,
        changed: impl Fn(Change) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.watch_all(self.feed("guest", what, cache), api, keep, changed);
    }

    /// Keeps a cache of all host objects of a kind that belongs to nobody in particular.
    pub(crate) fn watch_host<K, T>(
        &self,
        what: &str,
        api: Api<K>,
        cache: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Send + 'static,
        changed: impl Fn(Change) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.watch_all(self.feed("host", what, cache), api, keep, changed);
    }

    /// One watch of a whole side for a cache, whose objects are counted from now on.
    pub(crate) fn feed<T>(&self, side: &'static str, what: &str, cache: &Arc<Store<T>>) -> Informer<T>
    where
        T: Send + Sync + 'static,
    {
        self.metrics().gauges().hold(side, what, cache);
        Informer {
            cache: cache.clone(),
            scope: Scope::Everything,
            what: format!("{what} of the {side}"),
            stop: self.stop().clone(),
        }
    }

    fn watch_all<K, T>(
        &self,
        feed: Informer<T>,
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
            .spawn(feed.run(api, watcher::Config::default(), keep, changed));
    }

    /// Keeps a cache of the host objects of a kind in the tenant's namespaces, by guest namespace and host name.
    ///
    /// `changed` learns, besides, in which guest namespace.
    pub(crate) fn watch_hosts<K, T>(
        &self,
        what: &str,
        api: impl Fn(&Self, &str) -> Api<K> + Send + Sync + 'static,
        config: &watcher::Config,
        cache: &Arc<Store<T>>,
        keep: impl Fn(K) -> T + Clone + Send + Sync + 'static,
        changed: impl Fn(&str, Change) + Clone + Send + Sync + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
        T: Send + Sync + 'static,
    {
        self.metrics().gauges().hold("host", what, cache);
        let context = self.clone();
        let (what, config, cache) = (what.to_owned(), config.clone(), cache.clone());
        self.watched_namespaces().follow(move |watched| {
            let namespace = watched.namespace.clone();
            let feed = Informer {
                cache: cache.clone(),
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
                .spawn(feed.run(api, config.clone(), keep, move |change| changed(&of, change)));
        });
    }
}

/// Keeps nothing but the metadata.
pub(crate) fn metadata<K>(object: PartialObjectMeta<K>) -> ObjectMeta {
    object.metadata
}

/// Drops what is long and never looked at.
fn slim(meta: &mut ObjectMeta) {
    if let Some(entries) = &mut meta.managed_fields {
        entries.retain(pods::is_record);
    }
    meta.managed_fields.take_if(|entries| entries.is_empty());
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}
