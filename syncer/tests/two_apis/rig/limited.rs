//! A tenant whose engine runs in this process, with limits of the test.

use std::ops::Deref;

use syncer::sync::{Config, Export, Limits};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Tenant, configured};

/// A tenant with limits for its objects on the host; Components are synced, too.
pub(crate) struct Limited {
    tenant: Tenant,
    limits: Limits,
    engine: JoinHandle<()>,
    stop: CancellationToken,
}

impl Limited {
    /// Starts a tenant with these limits.
    pub(crate) async fn start(stem: &str, limits: Limits) -> Self {
        let mut tenant = Tenant::new(stem).await;
        tenant.stop().await;
        let stop = CancellationToken::new();
        let engine = run(&tenant, limits, &stop).await;
        Self {
            tenant,
            limits,
            engine,
            stop,
        }
    }

    /// Ends the engine and starts another one, without any state of the former.
    pub(crate) async fn restart(&mut self) {
        self.stop.cancel();
        (&mut self.engine).await.expect("it ends");
        self.stop = CancellationToken::new();
        self.engine = run(&self.tenant, self.limits, &self.stop).await;
    }
}

impl Deref for Limited {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

async fn run(tenant: &Tenant, limits: Limits, stop: &CancellationToken) -> JoinHandle<()> {
    let components = Export {
        api_version: "dapr.io/v1alpha1".to_owned(),
        kind: "Component".to_owned(),
        ..Export::default()
    };
    let config = Config {
        exports: vec![components],
        limits,
        ..configured::plain(tenant).await
    };
    configured::run(tenant, config, stop.clone()).await
}
