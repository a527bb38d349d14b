//! The steps that are the same for every kind with mirrors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;

use super::decide::{Step, decide};
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::Action;
use crate::sync::write::delete;

/// A guest object that should have a mirror, and the host object of its name.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    /// The kind of both.
    pub(crate) kind: &'a ApiResource,
    /// The key of both, with the name on the host.
    pub(crate) key: &'a Key,
    /// The guest object.
    pub(crate) guest: Option<&'a ObjectMeta>,
    /// The host object.
    pub(crate) host: Option<&'a ObjectMeta>,
}

impl Pair<'_> {
    /// Returns the step for the two objects.
    pub(crate) fn step(&self) -> Step {
        decide(self.guest, self.host, self.kind)
    }

    /// Takes a step that writes no mirror.
    pub(crate) async fn take(&self, step: Step, context: &Context) -> Result<Action, ReconcileError> {
        match (step, self.guest, self.host) {
            (Step::DeleteHost, _, Some(host)) => {
                let writer = context.on_host(self.kind, self.key);
                writer.delete(&delete::if_unchanged(host)).await?;
            }
            (Step::DeleteGuest, Some(guest), _) => {
                let writer = context.in_guest(self.kind, self.key);
                writer.delete(&delete::if_uid(guest)).await?;
            }
            (Step::Refuse, ..) => return Err(ReconcileError::foreign(self.kind, &self.key.name)),
            _ => {}
        }
        Ok(Action::AwaitChange)
    }
}
