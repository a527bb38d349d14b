//! Copies in the guest of objects that the host's administrator shows to the tenant: classes, nodes, imported kinds that are
//! cluster-scoped, and by mapping ConfigMaps, Secrets, Services and other imported kinds. There is one reconciler per source.
//!
//! A copy is updated and deleted with its original; changes by the tenant are undone. The tenant's own object of the same name is
//! not touched.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::Value;
use vcluster_values::from_host::FromHost;
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::own;
use vcluster_values::patches::{self, Json};

use self::shape::Shape;
pub(crate) use self::shape::{addresses, ports};
use self::source::Source;
pub(crate) use self::source::resource;
use crate::sync::config::Import;
use crate::sync::generic::custom_resources::Status;
use crate::sync::generic::patch_rule::{GuestNames, PatchRule};
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::informer::{Change, Scope, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::{Target, is_outdated};
use crate::sync::write::delete;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::object::{Body, Object};

/// Copies of objects that are no longer shown.
pub(crate) mod left;

/// The fields of an original that its copy has.
mod shape;

/// Sources of originals on the host, and the places of their copies.
mod source;

/// Returns true if a guest object is marked as a copy. A tenant's own object could be marked only by mistake.
pub(crate) fn is_marked(guest: &ObjectMeta) -> bool {
    (guest.annotations.as_ref()).is_some_and(|annotations| annotations.contains_key(own::SOURCE))
}

/// Reconciler of the copies of one source.
#[derive(Debug)]
pub(crate) struct Projections {
    context: Context,
    source: Source,
    kind: ApiResource,
    /// The patches of an imported kind.
    rule: Option<PatchRule>,
    host: Arc<Store<Object>>,
    guest: Arc<Store<Object>>,
    queue: WorkQueue,
    written: LastApplied,
}

impl Projections {
    /// Creates the reconcilers of all sources; nothing runs yet.
    pub(crate) fn all(context: &Context) -> Vec<Arc<Self>> {
        let FromHost {
            kinds,
            config_maps,
            secrets,
            services,
            cluster_scoped: _,
        } = &context.config().from_host;
        let kinds = kinds
            .iter()
            .map(|(kind, selector)| Source::whole_host(*kind, selector));
        let config_maps = config_maps.iter().cloned().map(Source::config_map);
        let secrets = secrets.iter().cloned().map(Source::secret);
        let endpoints = services.iter().cloned().map(Source::endpoints);
        let services = services.iter().cloned().map(Source::service);
        (kinds
            .chain(config_maps)
            .chain(secrets)
            .chain(services)
            .chain(endpoints))
        .map(|source| Self::at(context, source, None))
        .collect()
    }

    /// Creates the reconciler of an imported cluster-scoped kind, or of one mapping of an imported kind.
    ///
    /// # Errors
    ///
    /// A patch of the rule can't be read.
    pub(crate) fn imported(
        context: &Context,
        import: &Import,
        mapping: Option<Mapping>,
        kind: ApiResource,
        status: Status,
    ) -> Result<Arc<Self>, patches::Error> {
        let source = Source::imported(kind, status, mapping, import.replace_on_conflict);
        let rule = PatchRule::new(&import.patches, &[])?;
        Ok(Self::at(context, source, Some(rule)))
    }

    fn at(context: &Context, source: Source, rule: Option<PatchRule>) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            kind: source.kind(),
            source,
            rule,
            host: Arc::default(),
            guest: Arc::default(),
            queue: WorkQueue::default(),
            written: LastApplied::default(),
        })
    }

    /// Watches the source and the guest.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let changed = move |change| reconciler.queue.guest_changed(change);
        let guests: Api<Object> = Api::all_with(self.context.guest(), &self.kind);
        self.context
            .watch_guest(&self.name(), guests, &self.guest, |object| object, changed);

        let hosts: Api<Object> = match self.source.namespace() {
            Some(namespace) => Api::namespaced_with(self.context.host(), namespace, &self.kind),
            None => Api::all_with(self.context.host(), &self.kind),
        };
        let config = watcher::Config {
            label_selector: self.source.labels(),
            field_selector: self.source.fields(),
            ..watcher::Config::default()
        };
        let informer = self.context.informer("host", &self.name(), &self.host);
        let source = self.source.clone();
        let keep = move |mut object: Object| {
            object.metadata.managed_fields = None;
            if source.withholds(&object) {
                return None;
            }
            let key = source.guest_key(object.metadata.name.as_deref().unwrap_or_default())?;
            Some((key, object))
        };
        let reconciler = self.clone();
        let changed = move |change| match change {
            Change::Object(key) => reconciler.queue.add(key),
            Change::Complete => reconciler
                .guest
                .keys()
                .into_iter()
                .for_each(|key| reconciler.queue.add(key)),
        };
        self.context
            .tasks()
            .spawn(informer.run(hosts, config, keep, changed));
    }

    /// Returns true if these are copies of a kind.
    pub(crate) fn are_of(&self, kind: &str) -> bool {
        self.kind.kind == kind
    }

    /// Returns true if all objects that the host shows are known.
    pub(crate) fn are_known(&self) -> bool {
        self.host.has_listed(&Scope::Everything)
    }

    /// Returns true if the host shows a cluster-scoped object of that name.
    pub(crate) fn shows(&self, name: &str) -> bool {
        self.host.get(&Key::new("", name)).is_some()
    }

    async fn write(
        &self,
        key: &Key,
        host: &Object,
        guest: Option<&Object>,
    ) -> Result<Action, ReconcileError> {
        let now = |guest: &ObjectMeta| Versions {
            guest: guest.resource_version.clone(),
            host: host.metadata.resource_version.clone(),
        };
        if guest.is_some_and(|guest| self.written.is_at(key, &now(&guest.metadata))) {
            return Ok(Action::AwaitChange);
        }
        let kubelet = self.context.config().kubelet_port;
        let shape = Shape::of(host, &self.kind, self.source.status(), kubelet).map_err(|source| {
            ReconcileError::Unreadable {
                what: format!("{} {key} of the host", self.kind.kind),
                source,
            }
        })?;
        let mut annotations = shape.annotations;
        annotations.insert(own::SOURCE.to_owned(), self.source.original(host));
        let metadata = ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            uid: guest.and_then(|guest| guest.metadata.uid.clone()),
            labels: Some(shape.labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        };
        let wanted = match &self.rule {
            Some(rule) => {
                let names = GuestNames {
                    context: &self.context,
                };
                rule.forward(&metadata, &shape.fields, guest, &names)?
            }
            None => Object {
                metadata,
                fields: Arc::new(shape.fields),
            },
        };
        let body = Body {
            kind: &self.kind,
            metadata: &wanted.metadata,
            fields: &wanted.fields,
        };
        let target = Target {
            api: &self.guests(&key.namespace),
            kind: &self.kind,
            name: &key.name,
            there: guest.map(|guest| &guest.metadata),
        };
        let how = guest.map_or("apply", |_| "replace");
        self.context.metrics().write("guest", &self.kind.kind, how);
        let written = target.write_exactly(&body, &self.written, key).await;
        if is_outdated(&written, target.there) {
            return Ok(Action::AwaitChange);
        }
        if let (Some(status), Some(guest)) = (refusal(&written), guest)
            && status.is_invalid()
        {
            // What can't be changed is recreated.
            return self.delete(key, guest).await;
        }
        let written: Object = written.attempting(|| format!("show {} {key} in the guest", self.kind.kind))?;
        if let Some(status) = shape.status {
            self.show_status(key, &written, &status).await?;
        }
        // What is new is looked at once more, since admission may have added to it.
        if guest.is_some() {
            self.written.set(key, now(&written.metadata));
        }
        Ok(Action::AwaitChange)
    }

    async fn show_status(&self, key: &Key, guest: &Object, theirs: &Value) -> Result<(), ReconcileError> {
        let theirs = Json::from(theirs);
        let ours: Option<Json> = guest
            .field("status")
            .map_err(|source| ReconcileError::Unreadable {
                what: format!("the status of {key}"),
                source,
            })?;
        if ours.as_ref() == Some(&theirs) {
            return Ok(());
        }
        let writer = self.context.in_guest(&self.kind, key);
        let changes = Json::replacement(ours, Some(theirs));
        writer.merge_status(guest.metadata.uid.as_ref(), &changes).await
    }

    async fn delete(&self, key: &Key, guest: &Object) -> Result<Action, ReconcileError> {
        self.written.forget(key);
        let writer = self.context.in_guest(&self.kind, key);
        writer.delete(&delete::if_unchanged(&guest.metadata)).await?;
        Ok(Action::AwaitChange)
    }

    /// Creates the guest namespace of a copy, as vcluster does.
    async fn make_namespace(&self, name: &str) -> Result<(), ReconcileError> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        self.context.metrics().write("guest", "Namespace", "create");
        let made = Api::all(self.context.guest())
            .create(&PostParams::default(), &namespace)
            .await;
        if refusal(&made).is_some_and(kube::core::Status::is_already_exists) {
            return Ok(());
        }
        made.map(drop).attempting(|| {
            format!("create namespace {name} in the guest for objects that the host shows there")
        })
    }

    fn guests(&self, namespace: &str) -> Api<Object> {
        if namespace.is_empty() {
            Api::all_with(self.context.guest(), &self.kind)
        } else {
            self.context.guest_objects(&self.kind, namespace)
        }
    }
}

impl Reconciler for Projections {
    fn name(&self) -> String {
        self.source.to_string()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, _namespace: &str) -> bool {
        self.host.has_delivered(&Scope::Everything)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.are_known() {
            return Ok(Action::WaitFor("the host's objects to be listed"));
        }
        let is_going = |object: &Object| object.metadata.deletion_timestamp.is_some();
        let host = self.host.get(key).filter(|host| !is_going(host));
        let guest = self.guest.get(key);
        match (host, guest) {
            (Some(_), Some(guest))
                if !self.source.may_replace(&guest.metadata) && !self.source.takes_names() =>
            {
                Err(ReconcileError::Refused(format!(
                    "the host shows a {} {} to this virtual cluster, which has one of its own: it is left as it is",
                    self.kind.kind, key.name
                )))
            }
            (Some(_), Some(guest)) if is_going(&guest) => Ok(Action::AwaitChange),
            (Some(_), Some(guest)) if !self.source.may_replace(&guest.metadata) => {
                self.delete(key, &guest).await
            }
            (Some(_), None) if !key.namespace.is_empty() && self.context.is_without(&key.namespace) => {
                self.make_namespace(&key.namespace).await?;
                Ok(Action::WaitFor("the namespace that it is shown in"))
            }
            (Some(host), guest) => self.write(key, &host, guest.as_deref()).await,
            (None, Some(guest)) if self.source.is_copy(&guest.metadata) && !is_going(&guest) => {
                self.delete(key, &guest).await
            }
            (None, _) => Ok(Action::AwaitChange),
        }
    }
}

#[cfg(test)]
mod tests;
