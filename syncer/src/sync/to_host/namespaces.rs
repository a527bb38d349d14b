//! Guest namespaces and their mirrors on the host.
//!
//! A mirror is created with the labels of its owner, the syncer is bound to its role there, and only then do the other
//! reconcilers begin to watch it. A finalizer keeps the guest namespace until the mirror is gone, so that no mirror is forgotten,
//! even if the syncer was down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use vcluster_values::naming::own;

use self::counted::{Counted, Place};
use self::mirror::{Mirror, is_ours};
use crate::host::namespaces::{self, Found};
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::is_outdated;
use crate::sync::write::delete;

/// The number of namespaces on the host.
mod counted;

/// The mirror of a guest namespace.
mod mirror;

/// Label on every namespace: its name, written by the API server.
const NAME: &str = "kubernetes.io/metadata.name";

/// Interval of the check of a mirror that is being deleted.
const GOING: Duration = Duration::from_millis(300);

/// Interval of the check of a namespace that waits until the others are counted.
const UNCOUNTED: Duration = Duration::from_millis(100);

/// Interval of the check of a mirror, since namespaces can't be watched one by one. Nothing is written if the mirror is in the
/// desired state.
const RECHECK: Duration = Duration::from_mins(1);

/// Reconciler of namespaces.
#[derive(Debug)]
pub(crate) struct Namespaces {
    context: Context,
    /// The UIDs of the mirrors whose required objects this process has created, by guest name.
    furnished: Mutex<BTreeMap<String, String>>,
    /// The guest namespaces that count.
    counted: Mutex<Counted>,
}

impl Namespaces {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            furnished: Mutex::default(),
            counted: Mutex::default(),
        })
    }

    /// Watches the guest's namespaces.
    pub(crate) fn watch(self: &Arc<Self>) {
        let namespaces = self.context.guest_namespaces();
        let informer = self.context.informer("guest", &self.name(), namespaces);
        let queue = self.context.namespaces().clone();
        let api: Api<Namespace> = Api::all(self.context.guest());
        let keep = |mut namespace: Namespace| {
            namespace.metadata.managed_fields = None;
            Some((Key::of(&namespace.metadata), namespace))
        };
        let changed = move |change| queue.guest_changed(change);
        self.context
            .tasks()
            .spawn(informer.run(api, watcher::Config::default(), keep, changed));
    }

    async fn keep(&self, guest: &Namespace) -> Result<Action, ReconcileError> {
        let mut finalizers = guest.finalizers().iter();
        let held = finalizers.any(|finalizer| finalizer == own::HOST_NAMESPACE);
        if !held && !self.set_finalizer(guest, true).await? {
            return Ok(Action::AwaitChange);
        }
        self.hold(guest).await
    }

    /// Creates or updates the mirror, and has it watched.
    async fn hold(&self, guest: &Namespace) -> Result<Action, ReconcileError> {
        let name = guest.name_any();
        let mirror = self.mirror(&name).await;
        let counted = mirror.and_then(|mirror| Ok((self.count(&name, mirror.is_some())?, mirror)));
        self.context
            .watched_namespaces()
            .refuse(&name, matches!(counted, Err(ReconcileError::Refused(_))));
        let (Place::Free, mirror) = counted? else {
            return Ok(Action::RequeueAfter(UNCOUNTED));
        };
        if let Some(mirror) = &mirror
            && mirror.metadata.deletion_timestamp.is_some()
        {
            self.context.watched_namespaces().end(&name).await;
            return Ok(Action::RequeueAfter(GOING));
        }
        let known = mirror.is_some();
        let wanted = Mirror::of(guest, &self.context).no_less_secure_than(mirror.as_ref());
        let mirror = match mirror {
            Some(mirror) if wanted.fits(&mirror) => mirror,
            present => self.write(&name, &wanted, present.is_some()).await?,
        };
        self.furnish(&name, &mirror.uid().unwrap_or_default(), known)
            .await?;
        self.context.watched_namespaces().begin(&name);
        Ok(Action::RequeueAfter(RECHECK))
    }

    /// Refuses a namespace that would exceed the maximum; namespaces that are on the host already stay.
    fn count(&self, name: &str, is_there: bool) -> Result<Place, ReconcileError> {
        let most = self.context.config().namespaces;
        let guests = self.context.guest_namespaces().keys();
        let guests = guests.iter().map(|key| key.name.as_str());
        let mut counted = self.counted();
        match counted.place(name, is_there, guests, most) {
            Place::None => Err(ReconcileError::Refused(format!(
                "not created on the host: this virtual cluster has {} namespaces there, and `defaults.policies.namespaces` of \
                 its values allows {most}. Delete a namespace, or ask the host's administrator to raise the number",
                counted.on_host()
            ))),
            place => Ok(place),
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes the mirror once the guest's own controllers have emptied the namespace.
    async fn remove(&self, guest: &Namespace) -> Result<Action, ReconcileError> {
        let name = guest.name_any();
        let emptied = guest
            .spec
            .as_ref()
            .and_then(|spec| spec.finalizers.as_ref())
            .is_none_or(Vec::is_empty);
        if !emptied {
            // What is in it goes only if both sides of it are seen, also by a syncer that has just started.
            return self.hold(guest).await;
        }
        if self.remove_mirror(&name).await? == Mirrors::Gone
            && guest
                .finalizers()
                .iter()
                .any(|finalizer| is_own_finalizer(finalizer))
        {
            self.set_finalizer(guest, false).await?;
            return Ok(Action::AwaitChange);
        }
        Ok(Action::RequeueAfter(GOING))
    }

    async fn remove_mirror(&self, name: &str) -> Result<Mirrors, ReconcileError> {
        self.context.watched_namespaces().end(name).await;
        let mirror = match self.mirror(name).await {
            Ok(Some(mirror)) => mirror,
            Ok(None) | Err(ReconcileError::Refused(_)) => {
                self.counted().forget(name);
                return Ok(Mirrors::Gone);
            }
            Err(failure) => return Err(failure),
        };
        if mirror.metadata.deletion_timestamp.is_none() {
            let params = delete::if_uid(&mirror.metadata);
            let host_name = mirror.name_any();
            unless_gone(self.host().delete(&host_name, &params).await)
                .attempting(|| format!("delete host namespace {host_name}"))?;
            self.context.metrics().write("host", "Namespace", "delete");
        }
        Ok(Mirrors::Going)
    }

    /// Returns the mirror, if there is one. Fails if the name is taken by a foreign namespace.
    async fn mirror(&self, name: &str) -> Result<Option<PartialObjectMeta<Namespace>>, ReconcileError> {
        let host_name = self.context.tenant().host_namespace(name);
        let found = namespaces::look(&self.context.host(), &host_name).await;
        let said = match found.attempting(|| format!("read host namespace {host_name}"))? {
            Found::Nothing => return Ok(None),
            Found::Own(mirror) if is_ours(self.context.tenant(), name, &mirror) => return Ok(Some(*mirror)),
            Found::Own(_) => format!("namespace {host_name} is of another virtual cluster or namespace"),
            Found::Foreign(said) => said,
        };
        Err(ReconcileError::Refused(format!("{name} is not synced: {said}")))
    }

    async fn write(
        &self,
        name: &str,
        wanted: &Mirror,
        exists: bool,
    ) -> Result<PartialObjectMeta<Namespace>, ReconcileError> {
        let host_name = self.context.tenant().host_namespace(name);
        // Unforced, a namespace that somebody else has made meanwhile is not taken over.
        let params = if exists {
            PatchParams::apply(MANAGER).force()
        } else {
            PatchParams::apply(MANAGER)
        };
        self.context.metrics().write("host", "Namespace", "apply");
        self.host()
            .patch_metadata(&host_name, &params, &Patch::Apply(wanted.body(&host_name)))
            .await
            .attempting(|| format!("write host namespace {host_name}"))
    }

    /// Binds the syncer to its role, and creates the pods' service account and the objects that limit the tenant.
    async fn furnish(&self, name: &str, uid: &str, was_there: bool) -> Result<(), ReconcileError> {
        let known = |furnished: &Mutex<BTreeMap<String, String>>| {
            furnished
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(name)
                .is_some_and(|known| known == uid)
        };
        let tenant = self.context.tenant();
        let role_bindings: Api<RoleBinding> = self.context.host_api(name);
        let accounts: Api<ServiceAccount> = self.context.host_api(name);
        let (binding, account) = (tenant.service_account(), tenant.workload_service_account());
        let written = known(&self.furnished);
        if !written || is_missing(&role_bindings, "RoleBinding", &binding).await? {
            self.apply(&role_bindings, &binding, role_binding(&self.context))
                .await?;
        }
        if !written || is_missing(&accounts, "ServiceAccount", &account).await? {
            let body = json!({"automountServiceAccountToken": false});
            self.apply(&accounts, &account, body).await?;
        }
        self.bound(name, written, was_there).await?;
        let mut furnished = self.furnished.lock().unwrap_or_else(PoisonError::into_inner);
        furnished.insert(name.to_owned(), uid.to_owned());
        Ok(())
    }

    /// Creates the objects that limit the tenant, and deletes those that the values no longer ask for.
    async fn bound(&self, name: &str, written: bool, was_there: bool) -> Result<(), ReconcileError> {
        let bounds = &self.context.config().bounds;
        let attempts = bounds.wanted.iter().map(|object| async move {
            let (api, kind, called) = self.bounding(name, object);
            if written && !is_missing(&api, &kind, &called).await? {
                return Ok(());
            }
            let params = PatchParams::apply(MANAGER).force();
            self.context.metrics().write("host", &kind, "apply");
            api.patch_metadata(&called, &params, &Patch::Apply(object))
                .await
                .map(drop)
                .attempting(|| format!("write {kind} {called} to the host's namespace of {name}"))
        });
        try_join_all(attempts).await?;
        let attempts = bounds
            .unwanted
            .iter()
            .filter(|_| !written && was_there)
            .map(|object| async move {
                let (api, kind, called) = self.bounding(name, object);
                unless_gone(api.delete(&called, &DeleteParams::default()).await)
                    .attempting(|| format!("delete {kind} {called} in the host's namespace of {name}"))
            });
        try_join_all(attempts).await.map(drop)
    }

    /// Returns the API, the kind and the name of an object that limits the tenant.
    fn bounding(&self, name: &str, object: &Value) -> (Api<DynamicObject>, String, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&object["kind"]);
        let version = text(&object["apiVersion"]);
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        let namespace = self.context.tenant().host_namespace(name);
        let api = Api::namespaced_with(self.context.host(), &namespace, &resource);
        (api, kind, text(&object["metadata"]["name"]))
    }

    async fn apply<K>(&self, api: &Api<K>, name: &str, mut body: Value) -> Result<(), ReconcileError>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        body["apiVersion"] = json!(K::api_version(&()));
        body["kind"] = json!(K::kind(&()));
        body["metadata"] = json!({"name": name});
        let params = PatchParams::apply(MANAGER).force();
        self.context.metrics().write("host", &K::kind(&()), "apply");
        api.patch_metadata(name, &params, &Patch::Apply(body))
            .await
            .map(drop)
            .attempting(|| {
                format!(
                    "write {} {name} in {}",
                    K::kind(&()),
                    api.namespace().unwrap_or_default()
                )
            })
    }

    /// Adds the finalizer to a guest namespace, or removes it. Returns false if the namespace has changed or gone since; the watch
    /// delivers that.
    async fn set_finalizer(&self, guest: &Namespace, is_set: bool) -> Result<bool, ReconcileError> {
        let name = guest.name_any();
        let others = guest.finalizers().iter().filter(|other| !is_own_finalizer(other));
        let mut finalizers: Vec<&str> = others.map(String::as_str).collect();
        if is_set {
            finalizers.push(own::HOST_NAMESPACE);
        }
        let changes =
            json!({"metadata": {"resourceVersion": guest.resource_version(), "finalizers": finalizers}});
        let guests: Api<Namespace> = Api::all(self.context.guest());
        self.context.metrics().write("guest", "Namespace", "patch");
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let written = guests
            .patch_metadata(&name, &params, &Patch::Merge(changes))
            .await;
        if is_outdated(&written, Some(&guest.metadata)) {
            return Ok(false);
        }
        written.attempting(|| format!("write the finalizers of namespace {name} in the guest"))?;
        Ok(true)
    }

    fn host(&self) -> Api<Namespace> {
        Api::all(self.context.host())
    }
}

impl Reconciler for Namespaces {
    fn name(&self) -> String {
        "namespaces".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        self.context.namespaces()
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let guest = self.context.guest_namespaces().get(key)?;
        Some(guest.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        match self.context.guest_namespaces().get(key) {
            Some(guest) if guest.metadata.deletion_timestamp.is_none() => self.keep(&guest).await,
            Some(guest) => self.remove(&guest).await,
            None => Ok(match self.remove_mirror(&key.name).await? {
                Mirrors::Gone => {
                    self.context.budget().forget_namespace(&key.name);
                    Action::AwaitChange
                }
                Mirrors::Going => Action::RequeueAfter(GOING),
            }),
        }
    }
}

/// The state of a mirror that is to be deleted.
#[derive(Debug, PartialEq, Eq)]
enum Mirrors {
    Gone,
    Going,
}

fn is_own_finalizer(finalizer: &str) -> bool {
    [own::HOST_NAMESPACE, own::former::HOST_NAMESPACE].contains(&finalizer)
}

fn role_binding(context: &Context) -> Value {
    let tenant = context.tenant();
    json!({
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": context.config().tenant_role,
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": tenant.service_account(),
            "namespace": tenant.namespace(),
        }],
    })
}

async fn is_missing<K>(api: &Api<K>, kind: &str, name: &str) -> Result<bool, ReconcileError>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.get_metadata_opt(name).await {
        // The binding itself is what lets the syncer look.
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(true),
        found => found
            .map(|found| found.is_none())
            .attempting(|| format!("read {kind} {name}")),
    }
}
