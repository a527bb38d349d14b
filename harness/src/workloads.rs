//! The write and the read app in every tenant.
//!
//! Takes the tenants; gives for each the addresses that its two apps answer at.

use std::net::SocketAddr;

use provision::events::Events;
use provision::wait;
use tokio::task::JoinSet;

use crate::manifests;
use crate::tenants::Tenant;

/// One of the two apps.
pub mod app;

/// The state store that they share.
pub mod store;

pub use app::App;

/// The guest namespace that the apps are in, as in the blog.
pub const NAMESPACE: &str = "default";

/// A tenant's two apps, both ready.
#[derive(Clone, Debug)]
pub struct Apps {
    /// The name of the tenant.
    pub tenant: String,
    /// The address of the write app.
    pub write: SocketAddr,
    /// The address of the read app.
    pub read: SocketAddr,
}

/// Deploys both apps in all tenants, side by side, and returns when all are ready, in the tenants' order.
pub async fn deploy(tenants: &[Tenant], events: &Events) -> Result<Vec<Apps>, Error> {
    let mut deploying = JoinSet::new();
    for (position, tenant) in tenants.iter().cloned().enumerate() {
        let events = events.clone();
        deploying.spawn(async move {
            let stage = format!("workloads/{}", tenant.name);
            events
                .stage(&stage, deploy_in(&tenant))
                .await
                .map(|apps| (position, apps))
        });
    }
    let mut deployed = Vec::new();
    while let Some(ended) = deploying.join_next().await {
        deployed.push(ended.map_err(Error::Ended)??);
    }
    deployed.sort_by_key(|&(position, _)| position);
    Ok(deployed.into_iter().map(|(_, apps)| apps).collect())
}

async fn deploy_in(tenant: &Tenant) -> Result<Apps, Error> {
    store::declare(tenant).await?;
    let (write, read) = (App::write(&tenant.cluster), App::read(&tenant.cluster));
    write.deploy(&tenant.client, NAMESPACE).await?;
    read.deploy(&tenant.client, NAMESPACE).await?;
    let (write, read) = tokio::try_join!(
        write.answers(&tenant.client, NAMESPACE, &tenant.cluster.reach),
        read.answers(&tenant.client, NAMESPACE, &tenant.cluster.reach),
    )?;
    Ok(Apps {
        tenant: tenant.name.clone(),
        write,
        read,
    })
}

/// Errors of the apps. Parts of them that exist already stay, and are removed with their tenant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A manifest was not applied.
    #[error("deploy an app")]
    Manifest(#[from] manifests::Error),
    /// It did not come up in time.
    #[error(transparent)]
    Waiting(#[from] wait::Error<kube::Error>),
    /// It was cut off.
    #[error("deploy the apps in all tenants")]
    Ended(#[source] tokio::task::JoinError),
}
