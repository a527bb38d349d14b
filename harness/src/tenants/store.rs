//! Whether a tenant's cluster is still the one that its namespaces on the host were made for. If not, its syncer leaves
//! everything as it is until somebody says what is meant, and nothing would come of waiting for it.

use std::time::Duration;

use kube::Client;
use syncer::naming::Tenant;
use syncer::store;

use super::Error;
use crate::wait::{self, Budget, Seen};

/// An API server answers 2 s after it was started; several at once on two busy cores need a minute.
const TOLD: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(150),
};

/// Fails if it is another.
pub(super) async fn is_the_same(
    name: &str,
    namespace: &str,
    host: &Client,
    guest: &Client,
) -> Result<(), Error> {
    let tenant = Tenant::new(name, namespace);
    wait::until(format!("{name} to say which it is"), TOLD, || async {
        Ok::<_, kube::Error>(match store::check(host, guest, &tenant).await {
            Ok(()) => Seen::Ready(Ok(())),
            Err(lost @ store::Error::Other { .. }) => Seen::Ready(Err(Error::Store {
                tenant: name.to_owned(),
                source: Box::new(lost),
            })),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    })
    .await?
}
