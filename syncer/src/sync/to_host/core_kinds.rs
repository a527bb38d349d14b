//! Kubernetes' own kinds whose guest objects have a twin on the host, under the same name.
//!
//! One part a kind; what differs between the kinds is a [`Form`]. The twin is written by server-side apply, so that
//! what the host's controllers add in fields of their own stays.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::json;
use serde_json::value::to_raw_value;
use vcluster_values::kinds::{self, CoreKind};
use vcluster_values::patches::Json;

use self::form::{Form, Status};
pub(crate) use self::form::{accounts, resource};
use super::references::{Need, References, Referrer};
use crate::sync::runtime::context::Engine;
use crate::sync::runtime::error::{Attempt, Failure, unless_gone};
use crate::sync::runtime::informer::{Cache, Change};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Next, Part};
use crate::sync::runtime::unmet::Unmet;
use crate::sync::runtime::work_queue::Queue;
use crate::sync::write::apply::Place;
use crate::sync::write::delete;
use crate::sync::write::host_metadata;
use crate::sync::write::last_applied::{Versions, Written};
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership::{self, Guest, HostName};

/// What differs between the kinds.
mod form;

/// Brings one kind in step.
#[derive(Debug)]
pub(crate) struct Twins {
    engine: Engine,
    form: Box<dyn Form>,
    kind: ApiResource,
    guest: Arc<Cache<Object>>,
    host: Arc<Cache<Object>>,
    queue: Queue,
    references: Arc<References>,
    written: Written,
    unmet: Unmet,
}

impl Twins {
    /// Makes the part; nothing runs yet.
    pub(crate) fn new(engine: &Engine, kind: CoreKind, references: &Arc<References>) -> Arc<Self> {
        let form = form::of(kind);
        let kind = form.kind();
        references.expect(&kinds::shown(&kind.api_version, &kind.kind));
        Arc::new(Self {
            engine: engine.clone(),
            form,
            kind,
            guest: Arc::default(),
            host: Arc::default(),
            queue: Queue::default(),
            references: references.clone(),
            written: Written::on_host(engine.budget()),
            unmet: Unmet::default(),
        })
    }

    /// The guest's objects.
    pub(crate) fn guest(&self) -> &Cache<Object> {
        &self.guest
    }

    /// The host's, in the tenant's namespaces.
    pub(crate) fn host(&self) -> &Cache<Object> {
        &self.host
    }

    /// Tells whether an object has its twin on the host, and not somebody else's object of that name; fails if it can't
    /// have one before somebody changes something.
    pub(crate) fn have_made(&self, key: &Key) -> Result<bool, Failure> {
        let host = self.host.get(key);
        let made = host.is_some_and(|host| self.guest_of(&host).is_some());
        if !made {
            self.unmet.check(&self.kind.kind, key)?;
        }
        Ok(made)
    }

    /// The guest's object that a host's is the twin of.
    fn guest_of(&self, host: &Object) -> Option<Guest> {
        ownership::owner_of(&host.metadata, &self.kind)
    }

    /// Whether this is the part of a kind.
    pub(crate) fn is_of(&self, kind: &ApiResource) -> bool {
        self.kind == *kind
    }

    /// Watches the kind on both sides; `seen` learns of each that came, went or changed on either, and when the guest
    /// has listed all of its own.
    pub(crate) fn watch(self: &Arc<Self>, seen: impl Fn(&Change) + Clone + Send + Sync + 'static) {
        let what = self.name();
        let (part, tell) = (self.clone(), seen.clone());
        let guests: Api<Object> = Api::all_with(self.engine.guest(), &self.kind);
        let changed = move |change| {
            match &change {
                Change::Object(key) => {
                    part.refer(key);
                    part.queue.add(key.clone());
                }
                Change::Complete => {
                    part.references
                        .know(&kinds::shown(&part.kind.api_version, &part.kind.kind));
                    part.queue.begin_first_pass();
                }
            }
            tell(&change);
        };
        self.engine
            .watch_guest(&what, guests, &self.guest, |object| object, changed);
        let (part, kind) = (self.clone(), self.kind.clone());
        let hosts = move |engine: &Engine, namespace: &str| engine.host_objects(&kind, namespace);
        let changed = move |namespace: &str, change| match change {
            Change::Object(key) => {
                part.queue.add(key.clone());
                seen(&Change::Object(key));
            }
            Change::Complete => {
                for key in part.guest.keys_in(namespace) {
                    part.queue.add(key.clone());
                    seen(&Change::Object(key));
                }
            }
        };
        let config = watcher::Config::default();
        self.engine
            .watch_hosts(&what, hosts, &config, &self.host, |object| object, changed);
    }

    /// Says which Secrets an object names, so that they are on the host.
    fn refer(&self, key: &Key) {
        let guest = self.guest.get(key);
        let named = guest.map(|guest| self.form.references(key, &guest));
        let needs = named
            .into_iter()
            .flatten()
            .map(|reference| (reference, Need::Required));
        let referrer = Referrer::exported(&self.kind, key);
        self.references.set(&referrer, needs.collect());
    }

    async fn write(&self, key: &Key, guest: &Object, host: Option<&Object>) -> Result<Next, Failure> {
        let now = |host: &Object| Versions {
            guest: guest.metadata.resource_version.clone(),
            host: host.metadata.resource_version.clone(),
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host))) {
            return Ok(Next::Idle);
        }
        let host = self.apply(key, guest, host).await?;
        self.take_over(key, guest, &host).await?;
        if self.form.status() == Status::Hosts {
            self.show_status(key, guest, &host).await?;
        }
        host_metadata::show(&self.engine, &self.kind, key, &guest.metadata, &host.metadata).await?;
        self.written.set(key, now(&host));
        Ok(Next::Idle)
    }

    async fn apply(&self, key: &Key, guest: &Object, host: Option<&Object>) -> Result<Object, Failure> {
        let attempted = || format!("write {} {key} to the host", self.kind.kind);
        if host.is_none()
            && let Some(resource) = self.form.admission()
        {
            let spec = form::spec(guest).map_err(Failure::Refused)?;
            self.engine.admit(resource, &json!({"spec": spec}))?;
        }
        let spec = self
            .form
            .host_spec(guest, self.engine.tenant())
            .map_err(Failure::Refused)?;
        let spec = to_raw_value(&spec).map_err(|source| Failure::Unreadable {
            what: format!("the spec of {} {key}", self.kind.kind),
            source,
        })?;
        let metadata = self.host_metadata(key, guest, host);
        let body = Body {
            kind: &self.kind,
            metadata: &metadata,
            fields: &Fields::from([(self.form.field().to_owned(), spec)]),
        };
        let place = Place {
            api: &self.engine.host_objects(&self.kind, &key.namespace),
            kind: &self.kind,
            name: &key.name,
            there: host.map(|host| &host.metadata),
        };
        self.engine.metrics().write("host", &self.kind.kind, "apply");
        let written = place.apply(&body, &self.written, key).await;
        written.attempting(attempted)
    }

    fn host_metadata(&self, key: &Key, guest: &Object, host: Option<&Object>) -> ObjectMeta {
        let tenant = self.engine.tenant();
        let namespace = tenant.host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let mut annotations = ownership::annotations(&guest.metadata, &self.kind, &name);
        self.form.annotate(&mut annotations, tenant);
        ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(namespace.clone()),
            // With its UID, an object that was deleted meanwhile is not made by what is meant as a change.
            uid: host.and_then(|host| host.metadata.uid.clone()),
            labels: Some(ownership::labels(&guest.metadata)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    async fn take_over(&self, key: &Key, guest: &Object, host: &Object) -> Result<(), Failure> {
        let Some(mut patch) = self.form.decided(guest, host) else {
            return Ok(());
        };
        patch["metadata"]["uid"] = json!(guest.metadata.uid);
        self.engine.metrics().write("guest", &self.kind.kind, "patch");
        let guests = self.engine.guest_objects(&self.kind, &key.namespace);
        unless_gone(
            guests
                .patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(patch))
                .await,
        )
        .attempting(|| {
            format!(
                "show what the host decided about {} {key} in the guest",
                self.kind.kind
            )
        })
    }

    async fn show_status(&self, key: &Key, guest: &Object, host: &Object) -> Result<(), Failure> {
        let unreadable = |source| Failure::Unreadable {
            what: format!("the status of {} {key}", self.kind.kind),
            source,
        };
        let theirs: Option<Json> = host.field("status").map_err(unreadable)?;
        let ours: Option<Json> = guest.field("status").map_err(unreadable)?;
        if theirs == ours || theirs.is_none() {
            return Ok(());
        }
        let body =
            json!({"metadata": {"uid": guest.metadata.uid}, "status": Json::replacement(ours, theirs)});
        self.engine.metrics().write("guest", &self.kind.kind, "status");
        let guests = self.engine.guest_objects(&self.kind, &key.namespace);
        unless_gone(
            guests
                .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(body))
                .await,
        )
        .attempting(|| format!("show the status of {} {key} in the guest", self.kind.kind))
    }

    async fn delete_host(&self, key: &Key, host: &Object) -> Result<Next, Failure> {
        let hosts = self.engine.host_objects(&self.kind, &key.namespace);
        self.engine.metrics().write("host", &self.kind.kind, "delete");
        unless_gone(hosts.delete(&key.name, &delete::as_seen(&host.metadata)).await)
            .attempting(|| format!("delete {} {key} on the host", self.kind.kind))?;
        Ok(Next::Idle)
    }

    async fn delete_guest(&self, key: &Key, guest: &Object) -> Result<Next, Failure> {
        let guests = self.engine.guest_objects(&self.kind, &key.namespace);
        self.engine.metrics().write("guest", &self.kind.kind, "delete");
        unless_gone(guests.delete(&key.name, &delete::of(&guest.metadata)).await)
            .attempting(|| format!("delete {} {key} in the guest", self.kind.kind))?;
        Ok(Next::Idle)
    }

    async fn bring_in_step(&self, key: &Key) -> Result<Next, Failure> {
        if !self.host.covers_namespace(&key.namespace) {
            return Ok(Next::Uncovered);
        }
        let host = self.host.get(key);
        let ours = host.as_deref().and_then(|host| self.guest_of(host));
        let is_going = |object: &Object| object.metadata.deletion_timestamp.is_some();
        match (self.wanted(key), host, ours) {
            (None, Some(host), Some(_)) if !is_going(&host) => {
                self.written.forget(key);
                self.delete_host(key, &host).await
            }
            (None, ..) => {
                self.written.forget(key);
                Ok(Next::Idle)
            }
            (Some(_), Some(_), None) => Err(Failure::Refused(format!(
                "the host has a {} {} that is not this virtual cluster's: it is left as it is",
                self.kind.kind, key.name
            ))),
            (Some(guest), Some(host), Some(ours)) if is_going(&host) => {
                // Deleted on the host and held there, it goes from the guest too. What nobody holds is made anew
                // once it is gone, and so is what the guest has made anew meanwhile.
                let is_held = host
                    .metadata
                    .finalizers
                    .as_ref()
                    .is_some_and(|held| !held.is_empty());
                if is_held && guest.metadata.uid.as_ref() == Some(&ours.uid) {
                    return self.delete_guest(key, &guest).await;
                }
                Ok(Next::Idle)
            }
            (Some(guest), Some(host), Some(ours)) if guest.metadata.uid.as_ref() != Some(&ours.uid) => {
                self.delete_host(key, &host).await
            }
            (Some(guest), None, _) if self.form.stands_and_falls(&guest) => {
                self.delete_guest(key, &guest).await
            }
            (Some(guest), host, _) => self.write(key, &guest, host.as_deref()).await,
        }
    }

    /// The guest's object, if it is to have a twin.
    fn wanted(&self, key: &Key) -> Option<Arc<Object>> {
        let guest = self.guest.get(key)?;
        let goes = guest.metadata.deletion_timestamp.is_some();
        let stays = self.form.stays(&guest) || self.engine.is_copy(&self.kind, &guest.metadata);
        (!goes && !stays).then_some(guest)
    }
}

impl Part for Twins {
    fn name(&self) -> String {
        self.form.plural().to_owned()
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn has_queued(&self, namespace: &str) -> bool {
        self.host.has_told_of(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn look(&self, key: &Key) -> Result<Next, Failure> {
        let look = self.bring_in_step(key).await;
        self.unmet.note(key, &look);
        look
    }
}
