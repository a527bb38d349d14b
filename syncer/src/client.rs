//! A client for the API of one side.

use std::path::Path;

use kube::client::retry::RetryPolicy;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::ServiceBuilder;
use tower::retry::RetryLayer;

use self::transport::Transport;

/// The choice between shared connections and those that a request has to itself.
mod transport;

/// A few connections that many requests share.
mod connections;

/// One connection, by HTTP/2.
mod connection;

/// Failure to configure a client for an API.
#[derive(Debug, thiserror::Error)]
#[error("configure a client for the {side}'s API")]
pub struct Error {
    side: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Creates a client for one side: by a kubeconfig, or, without one, by the service account of this pod.
pub async fn connect(side: &'static str, kubeconfig: Option<&Path>) -> Result<Client, Error> {
    let config = config(kubeconfig).await;
    (config.and_then(of)).map_err(|source| Error { side, source })
}

async fn config(kubeconfig: Option<&Path>) -> Result<Config, Box<dyn std::error::Error + Send + Sync>> {
    let Some(path) = kubeconfig else {
        return Ok(Config::incluster()?);
    };
    of_kubeconfig(Kubeconfig::read_from(path)?).await
}

/// Reads a kubeconfig. Proxies from the environment are not used: they are for addresses outside of the cluster, and neither API
/// is outside. The guest's is in this pod.
async fn of_kubeconfig(kubeconfig: Kubeconfig) -> Result<Config, Box<dyn std::error::Error + Send + Sync>> {
    let mut clusters = kubeconfig.clusters.iter().flat_map(|named| &named.cluster);
    let says_proxy = clusters.any(|cluster| cluster.proxy_url.is_some());
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url.take_if(|_| !says_proxy);
    Ok(config)
}

/// Creates a client like kube's own, with other connections.
fn of(config: Config) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    if config.proxy_url.is_some() {
        return Ok(Client::try_from(config)?);
    }
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .service(Transport::to(&config)?);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

#[cfg(test)]
mod tests;
