//! Kinds that tenants' values export and import: the host is asked for them before a tenant is made, as its syncer would wait
//! for those that the host does not have.

use kube::Client;
use syncer::kinds::discovery;
use syncer::values::Values;

use super::Error;
use crate::wait::{self, Budget, Seen};

/// A kind is served within a second after its definition was made.
const SERVED: Budget = Budget::seconds(10);

/// The group of what the platform brings.
const OF_THE_PLATFORM: &str = "dapr.io";

/// Refuses values with kinds that the host does not have, but for those that the platform may bring. `tenant` is what messages
/// call who is to be made.
pub async fn known_before_the_platform(host: &Client, tenant: &str, values: &Values) -> Result<(), Error> {
    let refusals = discovery::refusals(host, values, |group| group != OF_THE_PLATFORM).await;
    accepted(tenant, &refusals.map_err(|source| asked(tenant, source))?)
}

/// Refuses values with kinds that the host does not have.
pub(super) async fn known(host: &Client, tenant: &str, values: &Values) -> Result<(), Error> {
    let found = wait::until(format!("the kinds of {tenant}'s values"), SERVED, || async {
        let refusals = discovery::refusals(host, values, |_| true).await?;
        Ok::<_, discovery::Error>(if refusals.is_empty() {
            Seen::Ready(())
        } else {
            Seen::NotYet(refusals.join("; "))
        })
    })
    .await;
    match found {
        Ok(()) => Ok(()),
        Err(wait::Error::TimedOut { last, .. }) => accepted(tenant, &[last]),
        Err(wait::Error::Failed { source, .. }) => Err(asked(tenant, source)),
    }
}

fn accepted(tenant: &str, refusals: &[String]) -> Result<(), Error> {
    if refusals.is_empty() {
        return Ok(());
    }
    Err(Error::Kinds {
        tenant: tenant.to_owned(),
        why: refusals.join("; "),
    })
}

fn asked(tenant: &str, source: discovery::Error) -> Error {
    Error::Discovery {
        tenant: tenant.to_owned(),
        source: Box::new(source),
    }
}
