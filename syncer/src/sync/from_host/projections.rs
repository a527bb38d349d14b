//! Copies in the guest of objects that the host's administrator shows to the tenant: classes, nodes, imported kinds that
//! are in no namespace, and config maps, Secrets, Services and other imported kinds by mapping. One part a source.
//!
//! A copy follows its original and goes with it; what the tenant changes of it or adds to it is undone. What the tenant
//! has made itself under such a name stays its own.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::{Value, json};
use vcluster_values::from_host::FromHost;
use vcluster_values::mapping::Mapping;
use vcluster_values::patches::{self, Json};

use self::shape::Shape;
pub(crate) use self::shape::{addresses, ports};
use self::source::Source;
pub(crate) use self::source::resource;
use crate::sync::config::Import;
use crate::sync::generic::custom_resources::Status;
use crate::sync::generic::patch_rule::{GuestNames, Rule};
use crate::sync::runtime::context::Engine;
use crate::sync::runtime::error::{Attempt, Failure, refusal, unless_gone};
use crate::sync::runtime::informer::{Cache, Change, Scope};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Next, Part};
use crate::sync::runtime::work_queue::Queue;
use crate::sync::write::apply::{Place, is_outdated};
use crate::sync::write::delete;
use crate::sync::write::last_applied::{Versions, Written};
use crate::sync::write::object::{Body, Object};

/// Copies of what is not shown any more.
pub(crate) mod left;

/// What of an original is shown.
mod shape;

/// Where originals are, and where their copies.
mod source;

/// Annotation on a copy: the host object that it shows, `NAMESPACE/NAME`, or `NAME` of what has no namespace.
const COPY_OF: &str = "vcluster.loft.sh/copy-of";

/// Whether a guest object is marked as a copy. Only a tenant's own object could be so by mistake.
pub(crate) fn is_marked(guest: &ObjectMeta) -> bool {
    (guest.annotations.as_ref()).is_some_and(|annotations| annotations.contains_key(COPY_OF))
}

/// Keeps the copies of what is at one source.
#[derive(Debug)]
pub(crate) struct Copies {
    engine: Engine,
    source: Source,
    kind: ApiResource,
    /// How an imported kind is changed on its way.
    rule: Option<Rule>,
    host: Arc<Cache<Object>>,
    guest: Arc<Cache<Object>>,
    queue: Queue,
    written: Written,
}

impl Copies {
    /// Makes the parts for all that is to be shown; nothing runs yet.
    pub(crate) fn all(engine: &Engine) -> Vec<Arc<Self>> {
        let FromHost {
            kinds,
            config_maps,
            secrets,
            services,
            cluster_scoped: _,
        } = &engine.config().from_host;
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
        .map(|source| Self::at(engine, source, None))
        .collect()
    }

    /// Makes the part for an imported kind that is in no namespace, or for one mapping of one that is.
    ///
    /// # Errors
    ///
    /// A patch of the rule can't be read.
    pub(crate) fn imported(
        engine: &Engine,
        import: &Import,
        mapping: Option<Mapping>,
        kind: ApiResource,
        status: Status,
    ) -> Result<Arc<Self>, patches::Error> {
        let source = Source::imported(kind, status, mapping, import.replace_on_conflict);
        let rule = Rule::new(&import.patches, &[])?;
        Ok(Self::at(engine, source, Some(rule)))
    }

    fn at(engine: &Engine, source: Source, rule: Option<Rule>) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            kind: source.kind(),
            source,
            rule,
            host: Arc::default(),
            guest: Arc::default(),
            queue: Queue::default(),
            written: Written::default(),
        })
    }

    /// Watches the source and the guest.
    pub(crate) fn watch(self: &Arc<Self>) {
        let part = self.clone();
        let changed = move |change| match change {
            Change::Object(key) => part.queue.add(key),
            Change::Complete => part.queue.begin_first_pass(),
        };
        let guests: Api<Object> = Api::all_with(self.engine.guest(), &self.kind);
        self.engine
            .watch_guest(&self.name(), guests, &self.guest, |object| object, changed);

        let hosts: Api<Object> = match self.source.namespace() {
            Some(namespace) => Api::namespaced_with(self.engine.host(), namespace, &self.kind),
            None => Api::all_with(self.engine.host(), &self.kind),
        };
        let config = watcher::Config {
            label_selector: self.source.labels(),
            field_selector: self.source.fields(),
            ..watcher::Config::default()
        };
        let feed = self.engine.feed("host", &self.name(), &self.host);
        let source = self.source.clone();
        let keep = move |mut object: Object| {
            object.metadata.managed_fields = None;
            if source.withholds(&object) {
                return None;
            }
            let key = source.guest_key(object.metadata.name.as_deref().unwrap_or_default())?;
            Some((key, object))
        };
        let part = self.clone();
        let changed = move |change| match change {
            Change::Object(key) => part.queue.add(key),
            Change::Complete => part.guest.keys().into_iter().for_each(|key| part.queue.add(key)),
        };
        self.engine.tasks().spawn(feed.run(hosts, config, keep, changed));
    }

    /// Whether these are copies of a kind.
    pub(crate) fn are_of(&self, kind: &str) -> bool {
        self.kind.kind == kind
    }

    /// Whether all that the host shows is known.
    pub(crate) fn are_known(&self) -> bool {
        self.host.covers(&Scope::Everything)
    }

    /// Whether the host shows an object of that name, which is in no namespace.
    pub(crate) fn shows(&self, name: &str) -> bool {
        self.host.get(&Key::new("", name)).is_some()
    }

    async fn write(&self, key: &Key, host: &Object, guest: Option<&Object>) -> Result<Next, Failure> {
        let now = |guest: &ObjectMeta| Versions {
            guest: guest.resource_version.clone(),
            host: host.metadata.resource_version.clone(),
        };
        if guest.is_some_and(|guest| self.written.is_at(key, &now(&guest.metadata))) {
            return Ok(Next::Idle);
        }
        let kubelet = self.engine.config().kubelet_port;
        let shape = Shape::of(host, &self.kind, self.source.status(), kubelet).map_err(|source| {
            Failure::Unreadable {
                what: format!("{} {key} of the host", self.kind.kind),
                source,
            }
        })?;
        let mut annotations = shape.annotations;
        annotations.insert(COPY_OF.to_owned(), self.source.original(host));
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
                let names = GuestNames { engine: &self.engine };
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
        let place = Place {
            api: &self.guests(&key.namespace),
            kind: &self.kind,
            name: &key.name,
            there: guest.map(|guest| &guest.metadata),
        };
        let how = guest.map_or("apply", |_| "replace");
        self.engine.metrics().write("guest", &self.kind.kind, how);
        let written = place.write_exactly(&body, &self.written, key).await;
        if is_outdated(&written, place.there) {
            return Ok(Next::Idle);
        }
        if let (Some(status), Some(guest)) = (refusal(&written), guest)
            && status.is_invalid()
        {
            // What can't be changed is made anew.
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
        Ok(Next::Idle)
    }

    async fn show_status(&self, key: &Key, guest: &Object, theirs: &Value) -> Result<(), Failure> {
        let theirs = Json::from(theirs);
        let attempted = || format!("show the status of {} {key} in the guest", self.kind.kind);
        let ours: Option<Json> = guest.field("status").map_err(|source| Failure::Unreadable {
            what: format!("the status of {key}"),
            source,
        })?;
        if ours.as_ref() == Some(&theirs) {
            return Ok(());
        }
        let body =
            json!({"metadata": {"uid": guest.metadata.uid}, "status": Json::replacement(ours, Some(theirs))});
        self.engine.metrics().write("guest", &self.kind.kind, "status");
        unless_gone(
            self.guests(&key.namespace)
                .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(body))
                .await,
        )
        .attempting(attempted)
    }

    async fn delete(&self, key: &Key, guest: &Object) -> Result<Next, Failure> {
        self.written.forget(key);
        self.engine.metrics().write("guest", &self.kind.kind, "delete");
        let params = delete::as_seen(&guest.metadata);
        unless_gone(self.guests(&key.namespace).delete(&key.name, &params).await)
            .attempting(|| format!("delete {} {key} in the guest", self.kind.kind))?;
        Ok(Next::Idle)
    }

    /// Makes the guest namespace that something is shown in, as vcluster does.
    async fn make_namespace(&self, name: &str) -> Result<(), Failure> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        self.engine.metrics().write("guest", "Namespace", "create");
        let made = Api::all(self.engine.guest())
            .create(&PostParams::default(), &namespace)
            .await;
        if refusal(&made).is_some_and(kube::core::Status::is_already_exists) {
            return Ok(());
        }
        made.map(drop)
            .attempting(|| format!("make namespace {name} in the guest for what the host shows there"))
    }

    fn guests(&self, namespace: &str) -> Api<Object> {
        if namespace.is_empty() {
            Api::all_with(self.engine.guest(), &self.kind)
        } else {
            self.engine.guest_objects(&self.kind, namespace)
        }
    }
}

impl Part for Copies {
    fn name(&self) -> String {
        self.source.to_string()
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn has_queued(&self, _namespace: &str) -> bool {
        self.host.has_told(&Scope::Everything)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn look(&self, key: &Key) -> Result<Next, Failure> {
        if !self.are_known() {
            return Ok(Next::Waiting("what the host shows to be known"));
        }
        let is_going = |object: &Object| object.metadata.deletion_timestamp.is_some();
        let host = self.host.get(key).filter(|host| !is_going(host));
        let guest = self.guest.get(key);
        match (host, guest) {
            (Some(_), Some(guest))
                if !self.source.may_replace(&guest.metadata) && !self.source.takes_names() =>
            {
                Err(Failure::Refused(format!(
                    "the host shows a {} {} to this virtual cluster, which has one of its own: it is left as it is",
                    self.kind.kind, key.name
                )))
            }
            (Some(_), Some(guest)) if is_going(&guest) => Ok(Next::Idle),
            (Some(_), Some(guest)) if !self.source.may_replace(&guest.metadata) => {
                self.delete(key, &guest).await
            }
            (Some(_), None) if !key.namespace.is_empty() && self.engine.is_without(&key.namespace) => {
                self.make_namespace(&key.namespace).await?;
                Ok(Next::Waiting("the namespace that it is shown in"))
            }
            (Some(host), guest) => self.write(key, &host, guest.as_deref()).await,
            (None, Some(guest)) if self.source.is_copy(&guest.metadata) && !is_going(&guest) => {
                self.delete(key, &guest).await
            }
            (None, _) => Ok(Next::Idle),
        }
    }
}

#[cfg(test)]
mod tests;
