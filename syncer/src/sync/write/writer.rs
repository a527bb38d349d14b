//! Writes to one object on one side, other than those of its whole state. Each is counted, and its failure names the object. An
//! object that is gone by then needs no write.

use std::fmt::{self, Display};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::ApiResource;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::debug;

use super::apply::is_outdated;
use super::object::Object;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::key::Key;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The guest.
    Guest,
    /// The host.
    Host,
}

/// Writer of one object.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    context: &'a Context,
    side: Side,
    kind: &'a ApiResource,
    key: &'a Key,
    api: Api<Object>,
}

impl Context {
    /// Returns the writer of a guest object.
    pub(crate) fn in_guest<'a>(&'a self, kind: &'a ApiResource, key: &'a Key) -> Writer<'a> {
        let api = if key.namespace.is_empty() {
            Api::all_with(self.guest(), kind)
        } else {
            self.guest_objects(kind, &key.namespace)
        };
        Writer {
            context: self,
            side: Side::Guest,
            kind,
            key,
            api,
        }
    }

    /// Returns the writer of a host object, by its guest namespace and its name on the host.
    pub(crate) fn on_host<'a>(&'a self, kind: &'a ApiResource, key: &'a Key) -> Writer<'a> {
        Writer {
            context: self,
            side: Side::Host,
            kind,
            key,
            api: self.host_objects(kind, &key.namespace),
        }
    }
}

impl Writer<'_> {
    /// Deletes the object.
    pub(crate) async fn delete(&self, params: &DeleteParams) -> Result<(), ReconcileError> {
        self.count("delete");
        unless_gone(self.api.delete(&self.key.name, params).await).attempting(|| format!("delete {self}"))
    }

    /// Merges changes into the object. `verb` names the write in metrics; `purpose` follows the object in the error, as in
    /// "failed to change Component default/store on the host by its reverse patches".
    pub(crate) async fn merge(
        &self,
        verb: &'static str,
        changes: &(impl Serialize + fmt::Debug),
        purpose: &str,
    ) -> Result<(), ReconcileError> {
        self.count(verb);
        let merged = (self.api)
            .patch_metadata(&self.key.name, &PatchParams::default(), &Patch::Merge(changes))
            .await;
        unless_gone(merged).attempting(|| format!("change {self} {purpose}"))
    }

    /// Merges annotations into the object that was seen. Returns false if it has changed or gone since; the watch delivers that.
    ///
    /// The change is of that resourceVersion. If an API server patches a pod that is being deleted with a grace period of 0, it
    /// deletes the pod by its name alone, and by then another pod may have the name
    /// (`Store.deleteWithoutFinalizers` in <https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go>).
    pub(crate) async fn annotate(
        &self,
        seen: &ObjectMeta,
        annotations: &Value,
        verb: &'static str,
    ) -> Result<bool, ReconcileError> {
        self.count(verb);
        let changes = json!({"metadata": {
            "uid": seen.uid, "resourceVersion": seen.resource_version, "annotations": annotations,
        }});
        let merged = (self.api)
            .patch_metadata(&self.key.name, &PatchParams::default(), &Patch::Merge(changes))
            .await;
        if is_outdated(&merged, Some(seen)) {
            return Ok(false);
        }
        merged.attempting(|| format!("annotate {self}"))?;
        Ok(true)
    }

    /// Merges changes into the status of the object with this UID.
    pub(crate) async fn merge_status(
        &self,
        uid: Option<&String>,
        changes: &(impl Serialize + fmt::Debug),
    ) -> Result<(), ReconcileError> {
        self.count("status");
        let body = json!({"metadata": {"uid": uid}, "status": changes});
        let merged = (self.api)
            .patch_status(&self.key.name, &PatchParams::default(), &Patch::Merge(body))
            .await;
        unless_gone(merged).attempting(|| format!("change the status of {self}"))
    }

    fn count(&self, verb: &'static str) {
        debug!(verb, "write {self}");
        let metrics = self.context.metrics();
        metrics.write(self.side.name(), &self.kind.kind, verb);
    }
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Host => "host",
        }
    }
}

/// Writes kind, key and side, as in `Component default/store on the host`.
impl Display for Writer<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.side {
            Side::Guest => "in the guest",
            Side::Host => "on the host",
        };
        write!(formatter, "{} {} {place}", self.kind.kind, self.key)
    }
}
