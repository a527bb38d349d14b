//! Service accounts: the host's own programs identify a pod by its account, as a cloud does that grants permissions to accounts.
//!
//! No token of the host is ever in a pod, and no account is bound to a role there: only the name, the labels and the annotations
//! count. The host itself creates the account `default` in each namespace; pods that have it use the tenant's workload account.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt;
use kube::core::ApiResource;
use serde_json::{Value, json};
use vcluster_values::naming::Tenant;

use super::{Status, Translation};
use crate::sync::write::object::Object;

/// The account that every namespace has.
const DEFAULT: &str = "default";

/// The translation of service accounts.
#[derive(Debug)]
pub(super) struct Accounts;

impl Translation for Accounts {
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
