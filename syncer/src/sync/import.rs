//! Import of a configured kind: what others have made in the tenant's host namespaces, shown in the guest.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::ApiResource;

use super::config::Import;
use super::engine::Engine;
use super::failure::Failure;
use super::key::Key;
use super::kinds::Status;
use super::part::{Next, Part};
use super::queue::Queue;

/// Shows one kind in the guest.
#[derive(Debug)]
pub(crate) struct Importer {
    kind: ApiResource,
    queue: Queue,
}

impl Importer {
    /// Makes the part for a kind that both sides know; nothing runs yet.
    pub(crate) fn new(_engine: &Engine, _import: Import, kind: ApiResource, _status: Status) -> Arc<Self> {
        Arc::new(Self {
            kind,
            queue: Queue::default(),
        })
    }

    /// Watches the kind on both sides.
    pub(crate) fn watch(self: &Arc<Self>) {
        self.queue.begin_first_pass();
    }
}

impl Part for Importer {
    fn name(&self) -> String {
        format!("import of {}", self.kind.kind)
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn subject(&self, _key: &Key) -> Option<ObjectReference> {
        None
    }

    async fn look(&self, _key: &Key) -> Result<Next, Failure> {
        Ok(Next::Idle)
    }
}
