//! ConfigMaps and Secrets: they have mirrors on the host while an object names them, or all of them have.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::decide::Step;
use super::references::{ConfigObject, References};
use super::steps::Pair;
use crate::sync::config::Unnamed;
use crate::sync::from_host::projections;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::unmet::Unmet;
use crate::sync::runtime::watches::metadata;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::Target;
use crate::sync::write::delete;
use crate::sync::write::host_metadata;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership::{self, HostName};

/// The type of Secrets that the host would fill with a token for the host.
pub(crate) const TOKEN_TYPE: &str = "\"kubernetes.io/service-account-token\"";

/// The check which of them the tenant's objects may read.
mod access;

/// Reconciler of one of the two kinds.
#[derive(Debug)]
pub(crate) struct ConfigObjects {
    context: Context,
    payload: ConfigObject,
    kind: ApiResource,
    references: Arc<References>,
    guest: Arc<Store<ObjectMeta>>,
    host: Arc<Store<ObjectMeta>>,
    written: LastApplied,
    /// Names that have to be held by an empty Secret.
    reserved: Mutex<HashSet<Key>>,
    unmet: Unmet,
}

impl ConfigObjects {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, payload: ConfigObject, references: &Arc<References>) -> Arc<Self> {
        let kind = match payload {
            ConfigObject::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            ConfigObject::Secret => ApiResource::erase::<Secret>(&()),
        };
        Arc::new(Self {
            context: context.clone(),
            payload,
            kind,
            references: references.clone(),
            guest: Arc::default(),
            host: Arc::default(),
            written: LastApplied::on_host(context.budget()),
            reserved: Mutex::default(),
            unmet: Unmet::default(),
        })
    }

    /// Returns the objects on the host, by guest namespace and host name.
    pub(crate) fn host(&self) -> &Store<ObjectMeta> {
        &self.host
    }

    /// Watches the kind on both sides. `seen_in_guest` is called for each change in the guest, and when all of its objects are
    /// known. `seen` is called for each change on the host, by host name, and when all objects of a namespace are known.
    pub(crate) fn watch(
        self: &Arc<Self>,
        seen_in_guest: impl Fn(&Change) + Send + 'static,
        seen: impl Fn(&str, &Change) + Clone + Send + Sync + 'static,
    ) {
        let what = self.name();
        let reconciler = self.clone();
        let guests: Api<PartialObjectMeta<Object>> = Api::all_with(self.context.guest(), &self.kind);
        self.context
            .watch_guest(&what, guests, &self.guest, metadata, move |change| {
                seen_in_guest(&change);
                reconciler.queue().guest_changed(change);
            });
        let reconciler = self.clone();
        let kind = self.kind.clone();
        let hosts = move |context: &Context, namespace: &str| context.host_metadata(&kind, namespace);
        let changed = move |namespace: &str, change| {
            match &change {
                Change::Object(host) => reconciler.queue().add(reconciler.guest_key(host)),
                Change::Complete => {
                    for key in reconciler.guest.keys_in(namespace) {
                        reconciler.queue().add(key);
                    }
                }
            }
            seen(namespace, &change);
        };
        self.context.watch_hosts(
            &what,
            hosts,
            &watcher::Config::default(),
            &self.host,
            metadata,
            changed,
        );
    }

    /// Returns the key in the guest of a key on the host.
    pub(crate) fn guest_key(&self, host: &Key) -> Key {
        let found = self.host.get(host);
        let owner = found.and_then(|found| ownership::owner_of(&found, &self.kind));
        if let Some(owner) = owner {
            return owner.key;
        }
        let root_ca = Key::new(host.namespace.clone(), ROOT_CA);
        if self.host_key(&root_ca) == *host {
            root_ca
        } else {
            host.clone()
        }
    }

    fn host_key(&self, key: &Key) -> Key {
        match self.payload {
            ConfigObject::ConfigMap => Key::new(
                key.namespace.clone(),
                self.context.tenant().host_name(&key.namespace, &key.name),
            ),
            ConfigObject::Secret => key.clone(),
        }
    }

    /// Returns true if an object has a mirror although nothing names it. The ConfigMap that every cluster creates itself, and
    /// copies of host objects, have none.
    fn is_kept_unnamed(&self, guest: &ObjectMeta) -> bool {
        let Unnamed { config_maps, secrets } = self.context.config().unnamed;
        let are_kept = match self.payload {
            ConfigObject::ConfigMap => config_maps,
            ConfigObject::Secret => secrets,
        };
        are_kept && guest.name.as_deref() != Some(ROOT_CA) && !projections::is_marked(guest)
    }

    /// Writes an empty Secret to the host, in target of one that the guest does not have.
    async fn hold(&self, key: &Key, host: Option<&ObjectMeta>) -> Result<Action, ReconcileError> {
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let absent = ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        };
        let metadata = ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(namespace.clone()),
            uid: host.and_then(|host| host.uid.clone()),
            annotations: Some(ownership::annotations(&absent, &self.kind, &name)),
            ..ObjectMeta::default()
        };
        let written = self.apply(key, &metadata, &Fields::new(), host).await?;
        if let Some(written) = written {
            written.attempting(|| format!("hold the name of Secret {key} on the host"))?;
        }
        Ok(Action::AwaitChange)
    }

    /// Applies an object to the host. Returns `None` if the old one has to be deleted first.
    async fn apply(
        &self,
        key: &Key,
        metadata: &ObjectMeta,
        fields: &Fields,
        host: Option<&ObjectMeta>,
    ) -> Result<Option<kube::Result<PartialObjectMeta<Object>>>, ReconcileError> {
        let host_key = self.host_key(key);
        let body = Body {
            kind: &self.kind,
            metadata,
            fields,
        };
        let target = Target {
            api: &self.context.host_objects(&self.kind, &key.namespace),
            kind: &self.kind,
            name: &host_key.name,
            there: host,
        };
        self.context.metrics().write("host", &self.kind.kind, "apply");
        let written = target.apply_metadata(&body, &self.written, key).await;
        if let (Some(status), Some(host)) = (refusal(&written), host)
            && status.is_invalid()
        {
            // The type of a Secret and an immutable object can't be changed.
            let writer = self.context.on_host(&self.kind, &host_key);
            writer.delete(&delete::if_unchanged(host)).await?;
            return Ok(None);
        }
        Ok(Some(written))
    }

    async fn write(
        &self,
        key: &Key,
        guest: &ObjectMeta,
        host: Option<&ObjectMeta>,
    ) -> Result<Action, ReconcileError> {
        let seen = host.map(|host| Versions {
            guest: guest.resource_version.clone(),
            host: host.resource_version.clone(),
        });
        if seen.is_some_and(|seen| self.written.is_at(key, &seen)) {
            return Ok(Action::AwaitChange);
        }
        let guests = self.context.guest_objects(&self.kind, &key.namespace);
        let read = guests.get_opt(&key.name).await;
        let Some(object) = read.attempting(|| format!("read {} {key} of the guest", self.kind.kind))? else {
            return Ok(Action::AwaitChange);
        };
        let host_key = self.host_key(key);
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &host_key.name,
        };
        let metadata = ObjectMeta {
            name: Some(host_key.name.clone()),
            namespace: Some(namespace.clone()),
            uid: host.and_then(|host| host.uid.clone()),
            labels: Some(ownership::labels(&object.metadata)),
            annotations: Some(ownership::annotations(&object.metadata, &self.kind, &name)),
            ..ObjectMeta::default()
        };
        let mut fields = (*object.fields).clone();
        if fields.get("type").is_some_and(|kind| kind.get() == TOKEN_TYPE)
            && let Ok(opaque) = to_raw_value(&json!("Opaque"))
        {
            fields.insert("type".to_owned(), opaque);
        }
        let Some(written) = self.apply(key, &metadata, &fields, host).await? else {
            return Ok(Action::AwaitChange);
        };
        let written = written.attempting(|| format!("write {} {key} to the host", self.kind.kind))?;
        host_metadata::show(
            &self.context,
            &self.kind,
            key,
            &object.metadata,
            &written.metadata,
        )
        .await?;
        let versions = Versions {
            guest: object.metadata.resource_version,
            host: written.metadata.resource_version,
        };
        self.written.set(key, versions);
        Ok(Action::AwaitChange)
    }

    async fn converge(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.host.has_listed_namespace(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        // In this order: what nothing names once all is known, nothing names.
        let known = self.references.are_known();
        let guest = self.guest.get(key);
        let named = self.references.holds(&(self.payload, key.clone()))
            || guest.as_deref().is_some_and(|guest| self.is_kept_unnamed(guest));
        let host_key = self.host_key(key);
        let host = self.host.get(&host_key);
        let ours = host
            .as_deref()
            .and_then(|host| ownership::owner_of(host, &self.kind));
        if (guest.is_some() || ours.is_some()) && !named && !known {
            return Ok(Action::WaitFor("the objects that may name it to be listed"));
        }
        let is_missing = guest
            .as_deref()
            .is_none_or(|guest| guest.deletion_timestamp.is_some());
        let guest = guest.filter(|guest| {
            named && guest.deletion_timestamp.is_none() && !self.context.is_copy(&self.kind, guest)
        });
        let holds_name = is_missing && named && self.holds_names();
        let is_held = ours.as_ref().is_some_and(|ours| ours.uid.is_empty());
        // A kubelet leaves what a pod requires as it was, and takes away what a pod can do without.
        let is_over = ours.is_some() && !self.references.requires(&(self.payload, key.clone()));
        let to_hold = holds_name && !is_held && (is_over || self.reserved().contains(key));
        if !to_hold {
            self.reserved().remove(key);
        }
        match &host {
            Some(host) if ours.is_some() && holds_name => {
                if to_hold && host.deletion_timestamp.is_none() {
                    return self.hold(key, Some(host)).await;
                }
                return Ok(Action::AwaitChange);
            }
            None if to_hold => return self.hold(key, None).await,
            _ => {}
        }
        if guest.is_none() {
            self.written.forget(key);
        }
        let pair = Pair {
            kind: &self.kind,
            key: &host_key,
            guest: guest.as_deref(),
            host: host.as_deref(),
        };
        let step = match pair.step() {
            // The tenant's object stays: the mirror is recreated once it is gone.
            Step::DeleteGuest => Step::Wait,
            // Pods have mounted the mirror, so a recreated object takes it over.
            Step::DeleteHost if guest.is_some() => Step::Write,
            step => step,
        };
        match (step, &guest) {
            (Step::Write, Some(guest)) => self.write(key, guest, host.as_deref()).await,
            (step, _) => pair.take(step, &self.context).await,
        }
    }
}

/// The only ConfigMap that has another name on the host.
const ROOT_CA: &str = "kube-root-ca.crt";

impl Reconciler for ConfigObjects {
    fn name(&self) -> String {
        match self.payload {
            ConfigObject::ConfigMap => "ConfigMaps".to_owned(),
            ConfigObject::Secret => "Secrets".to_owned(),
        }
    }

    fn queue(&self) -> &WorkQueue {
        self.references.queue(self.payload)
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let guest = self.guest.get(key)?;
        let object = Object {
            metadata: (*guest).clone(),
            ..Object::default()
        };
        Some(object.object_ref(&self.kind))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let result = self.converge(key).await;
        self.unmet.note(key, &result);
        result
    }
}
