//! Fixtures: the environment and the tenants that a scenario runs in.

use rstest::fixture;
use scenarios::{Environment, Pair, Tenant};

/// Returns the running environment.
#[fixture]
pub(crate) async fn environment() -> Environment {
    Environment::attach()
        .await
        .expect("a scenario needs a running environment")
}

/// Returns one tenant.
#[fixture]
pub(crate) async fn tenant(#[future(awt)] environment: Environment) -> Tenant {
    environment.tenant().await.expect("a scenario needs a tenant")
}

/// Returns two tenants.
#[fixture]
pub(crate) async fn pair(#[future(awt)] environment: Environment) -> Pair {
    environment.pair().await.expect("a scenario needs two tenants")
}
