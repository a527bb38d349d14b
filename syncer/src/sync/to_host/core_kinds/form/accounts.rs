//! Service accounts: what the host's own programs know a pod by, as a cloud that gives rights to accounts.
//!
//! No token of the host's is ever in a pod, and nobody is bound to a role there: what tells is the name, with the labels
//! and annotations. The account `default` is made by the host itself in each namespace; pods that have it are the
//! tenant's workload account.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt;
use kube::core::ApiResource;
use serde_json::{Value, json};
use vcluster_values::naming::Tenant;

use super::{Form, Status};
use crate::sync::write::object::Object;

/// The account that there is in every namespace.
const DEFAULT: &str = "default";

/// Service accounts.
#[derive(Debug)]
pub(super) struct Accounts;

impl Form for Accounts {
    fn kind(&self) -> ApiResource {
        ApiResource::erase::<ServiceAccount>(&())
    }

    fn plural(&self) -> &'static str {
        "service accounts"
    }

    fn status(&self) -> Status {
        Status::Guests
    }

    fn stays(&self, guest: &Object) -> bool {
        !has_mirror(&guest.name_any())
    }

    fn field(&self) -> &'static str {
        "automountServiceAccountToken"
    }

    fn host_spec(&self, _: &Object, _: &Tenant) -> Result<Value, String> {
        Ok(json!(false))
    }
}

/// Returns true if an account of this name has a mirror.
pub(crate) fn has_mirror(name: &str) -> bool {
    !matches!(name, "" | DEFAULT)
}
