//! Lists of metadata, a page at a time.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

/// Page size: a kind may have many objects, of which few are wanted.
const AT_A_TIME: u32 = 500;

/// Returns the metadata of the objects that meet a condition.
pub(crate) async fn matching<K>(
    api: &Api<K>,
    is_wanted: impl Fn(&ObjectMeta) -> bool,
) -> kube::Result<Vec<ObjectMeta>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut page = ListParams::default().limit(AT_A_TIME);
    let mut wanted = Vec::new();
    loop {
        let listed = api.list_metadata(&page).await?;
        let found = listed.items.into_iter().map(|found| found.metadata);
        wanted.extend(found.filter(&is_wanted));
        match listed.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(wanted),
        }
    }
}
