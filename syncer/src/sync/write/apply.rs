//! Server-side apply of an object: by force over the syncer's own objects, never over foreign ones.
//!
//! After an object is created and before the watch delivers it, its name looks free. An apply without force conflicts with it if
//! the two differ (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts>). If they don't differ, both
//! would own it, so the syncer gives back what it applied. Until the watch shows that, the object looks like the syncer's; by its
//! UID it is known to be foreign.
//!
//! An apply keeps the fields that others add. A read-only copy is replaced instead.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{PartialObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, Request, Status};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::last_applied::LastApplied;
use super::object::{Applied, Body};
use crate::sync::runtime::budget::Charge;
use crate::sync::runtime::context::MANAGER;
use crate::sync::runtime::error::refusal;
use crate::sync::runtime::key::Key;

/// The target of an apply.
#[derive(Debug)]
pub(crate) struct Target<'a, K> {
    /// The API of its kind, in its namespace.
    pub(crate) api: &'a Api<K>,
    /// Its kind.
    pub(crate) kind: &'a ApiResource,
    /// Its name.
    pub(crate) name: &'a str,
    /// The syncer's object that was seen there.
    pub(crate) there: Option<&'a ObjectMeta>,
}

impl<K> Target<'_, K>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    /// Applies an object; its key in `written` is `key`.
    pub(crate) async fn apply<B>(&self, body: &B, written: &LastApplied, key: &Key) -> kube::Result<K>
    where
        B: Serialize + Debug,
    {
        self.refuse_what_was_given_back(written, key).await?;
        let (body, charge) = self.charge(body, written, key)?;
        let object = (self.api)
            .patch(self.name, &self.params(), &Patch::Apply(body))
            .await?;
        self.keep(object.meta(), written, key).await?;
        charge.into_iter().for_each(Charge::keep);
        Ok(object)
    }

    /// Creates an object, or replaces the one that was seen. Its finalizers and owner references are kept, as they are about its
    /// deletion. If it has changed since, the API refuses ([`is_outdated`]).
    pub(crate) async fn write_exactly(
        &self,
        body: &Body<'_>,
        written: &LastApplied,
        key: &Key,
    ) -> kube::Result<K> {
        let Some(seen) = self.there else {
            return self.apply(body, written, key).await;
        };
        self.refuse_what_was_given_back(written, key).await?;
        let metadata = ObjectMeta {
            resource_version: seen.resource_version.clone(),
            finalizers: seen.finalizers.clone(),
            owner_references: seen.owner_references.clone(),
            ..body.metadata.clone()
        };
        let body = Body {
            metadata: &metadata,
            ..*body
        };
        let (body, charge) = self.charge(&body, written, key)?;
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request =
            Request::new(self.api.resource_url()).replace(self.name, &params, body.get().as_bytes().to_vec());
        let request = request.map_err(kube::Error::BuildRequest)?;
        let object = self.api.clone().into_client().request(request).await?;
        charge.into_iter().for_each(Charge::keep);
        Ok(object)
    }

    /// Applies an object like [`Target::apply`]; the answer contains only metadata.
    pub(crate) async fn apply_metadata<B>(
        &self,
        body: &B,
        written: &LastApplied,
        key: &Key,
    ) -> kube::Result<PartialObjectMeta<K>>
    where
        B: Serialize + Debug,
    {
        self.refuse_what_was_given_back(written, key).await?;
        let (body, charge) = self.charge(body, written, key)?;
        let object = (self.api)
            .patch_metadata(self.name, &self.params(), &Patch::Apply(body))
            .await?;
        self.keep(&object.metadata, written, key).await?;
        charge.into_iter().for_each(Charge::keep);
        Ok(object)
    }

    /// Returns the body of the request, and charges the budget for its size.
    fn charge<B: Serialize>(
        &self,
        body: &B,
        written: &LastApplied,
        key: &Key,
    ) -> kube::Result<(Box<RawValue>, Option<Charge>)> {
        let body = to_raw_value(&Applied(body)).map_err(kube::Error::SerdeError)?;
        let bytes = u64::try_from(body.get().len()).unwrap_or(u64::MAX);
        let charge = written.charge(key, bytes, self.there.is_some());
        let charge = charge.map_err(|over| kube::Error::Service(Box::new(over)))?;
        Ok((body, charge))
    }

    fn params(&self) -> PatchParams {
        let params = PatchParams::apply(MANAGER);
        match self.there {
            Some(_) => params.force(),
            None => params,
        }
    }

    /// Gives an object back again if it was given back before: the watch may still show it as it was, or it could not be given
    /// back.
    async fn refuse_what_was_given_back(&self, written: &LastApplied, key: &Key) -> kube::Result<()> {
        match self.there {
            Some(seen) if written.was_given_back(key, seen) => self.give_back(seen).await,
            _ => Ok(()),
        }
    }

    async fn keep(&self, applied: &ObjectMeta, written: &LastApplied, key: &Key) -> kube::Result<()> {
        if self.there.is_some() || written.has_made(key, applied) {
            return Ok(());
        }
        if !is_shared(applied) {
            written.note_made(key, applied);
            return Ok(());
        }
        written.note_given_back(key, applied);
        self.give_back(applied).await
    }

    /// Removes all of the syncer's fields from a foreign object, and fails because of that object.
    async fn give_back(&self, theirs: &ObjectMeta) -> kube::Result<()> {
        let nothing = json!({
            "apiVersion": self.kind.api_version, "kind": self.kind.kind,
            "metadata": {"name": self.name, "uid": theirs.uid},
        });
        (self.api)
            .patch_metadata(self.name, &PatchParams::apply(MANAGER), &Patch::Apply(nothing))
            .await?;
        Err(kube::Error::Api(Box::new(
            Status::failure(
                "somebody else has just made it: it is left as it is",
                "AlreadyExists",
            )
            .with_code(409),
        )))
    }
}

/// Returns true if an object was not replaced because it has changed or gone since it was seen. The watch delivers the change.
pub(crate) fn is_outdated<T>(written: &kube::Result<T>, seen: Option<&ObjectMeta>) -> bool {
    let refused = refusal(written);
    seen.is_some() && refused.is_some_and(|status| status.is_conflict() || status.is_not_found())
}

/// Returns true if another client has written more of an object than its status.
fn is_shared(object: &ObjectMeta) -> bool {
    let entries = object.managed_fields.iter().flatten();
    entries
        .filter(|entry| entry.subresource.is_none())
        .any(|entry| entry.manager.as_deref() != Some(MANAGER))
}

#[cfg(test)]
mod tests;
