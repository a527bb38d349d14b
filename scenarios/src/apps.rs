//! Clients of the write app and the read app.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use harness::workloads::App;
use k8s_openapi::api::core::v1::Service;
use kube::api::Api;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use crate::environment::Alone;
use crate::eventually::{SOON, eventually};
use crate::namespace_pair::NamespacePair;

/// Apps answer within ten seconds or report that they can't.
const ANSWER: Duration = Duration::from_secs(30);

/// A scenario's own apps have nothing to finish when they end.
const GRACE: Duration = Duration::from_secs(1);

/// A tenant's standard apps, for one scenario alone.
#[derive(Debug)]
pub struct Apps {
    /// The write app.
    pub write: WriteApp,
    /// The read app.
    pub read: ReadApp,
    pub(crate) _alone: Alone,
}

/// Appends values, and shows and deletes them.
#[derive(Clone, Debug)]
pub struct WriteApp {
    http: Client,
    address: SocketAddr,
}

/// Shows values.
#[derive(Clone, Debug)]
pub struct ReadApp {
    http: Client,
    address: SocketAddr,
}

/// The answer of the write app.
#[derive(Debug, Deserialize)]
struct Written {
    values: Option<Vec<String>>,
}

/// The answer of the read app.
#[derive(Debug, Deserialize)]
struct Read {
    #[serde(rename = "Values")]
    values: Option<Vec<String>>,
}

impl WriteApp {
    /// Finds an app that is deployed.
    pub(crate) async fn find(space: &NamespacePair, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: http()?,
            address: address_of(space, name).await?,
        })
    }

    /// Deploys an app, and waits until it is ready.
    pub(crate) async fn deploy(space: &NamespacePair, configuration: Option<&str>) -> anyhow::Result<Self> {
        let app = App {
            configuration: configuration.map(str::to_owned),
            grace: GRACE,
            ..App::write(space.tenant().environment().host())
        };
        let (client, namespace) = (space.guest().client(), space.guest().namespace());
        app.deploy(client, namespace).await?;
        let reach = &space.tenant().environment().host().reach;
        let address = app.answers(client, namespace, reach).await?;
        Ok(Self {
            http: http()?,
            address,
        })
    }

    /// Appends a value, and returns all values.
    pub async fn append(&self, value: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.try_append(value).await?;
        written(answer).await
    }

    /// Requests to append a value, and returns the answer, also an error.
    pub async fn try_append(&self, value: &str) -> anyhow::Result<Response> {
        let url = Url::parse_with_params(&self.url(), &[("value", value)])?;
        self.http.post(url).send().await.context("POST to the write app")
    }

    /// Publishes a value to a topic.
    pub async fn publish(&self, pubsub: &str, topic: &str, value: &str) -> anyhow::Result<()> {
        succeeded(self.try_publish(pubsub, topic, value).await?).await?;
        Ok(())
    }

    /// Requests to publish a value to a topic, and returns the answer, also an error.
    pub async fn try_publish(&self, pubsub: &str, topic: &str, value: &str) -> anyhow::Result<Response> {
        let mut url = Url::parse_with_params(&self.url(), &[("value", value)])?;
        url.set_path(&format!("/topics/{pubsub}/{topic}"));
        self.http.post(url).send().await.context("POST to the write app")
    }

    /// Waits until a value was delivered to the app and is among its values.
    pub async fn receives(&self, value: &str) -> anyhow::Result<()> {
        eventually(format!("{value} to be delivered"), SOON, || async {
            let values = self.values().await?;
            Ok(if values.iter().any(|found| found == value) {
                Ok(())
            } else {
                Err(format!("{values:?}"))
            })
        })
        .await
    }

    /// Returns all values.
    pub async fn values(&self) -> anyhow::Result<Vec<String>> {
        written(self.try_values().await?).await
    }

    /// Requests all values, and returns the answer, also an error.
    pub async fn try_values(&self) -> anyhow::Result<Response> {
        self.http
            .get(self.url())
            .send()
            .await
            .context("GET from the write app")
    }

    /// Deletes all values.
    pub async fn clear(&self) -> anyhow::Result<()> {
        let answer = self
            .http
            .delete(self.url())
            .send()
            .await
            .context("DELETE to the write app")?;
        succeeded(answer).await.map(drop)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl ReadApp {
    /// Finds an app that is deployed.
    pub(crate) async fn find(space: &NamespacePair, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: http()?,
            address: address_of(space, name).await?,
        })
    }

    /// Returns all values.
    pub async fn values(&self) -> anyhow::Result<Vec<String>> {
        let url = format!("http://{}/", self.address);
        let answer = self.http.get(url).send().await.context("GET from the read app")?;
        let read: Read = succeeded(answer)
            .await?
            .json()
            .await
            .context("what the read app answered")?;
        Ok(read.values.unwrap_or_default())
    }
}

async fn written(answer: Response) -> anyhow::Result<Vec<String>> {
    let written: Written = succeeded(answer)
        .await?
        .json()
        .await
        .context("what the write app answered")?;
    Ok(written.values.unwrap_or_default())
}

async fn succeeded(answer: Response) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    anyhow::bail!("the app answered {status}: {text}")
}

/// Returns true if an answer reports that the app could not reach its state: an error of the server's side.
#[must_use]
pub fn is_refusal(status: StatusCode) -> bool {
    status.is_server_error()
}

fn http() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(ANSWER).build()?)
}

async fn address_of(space: &NamespacePair, name: &str) -> anyhow::Result<SocketAddr> {
    let services: Api<Service> = Api::namespaced(space.guest().client().clone(), space.guest().namespace());
    let spec = services
        .get(name)
        .await?
        .spec
        .context("a Service without a spec")?;
    let address = spec.cluster_ip.context("a Service without an address")?.parse()?;
    let port = spec
        .ports
        .unwrap_or_default()
        .first()
        .context("a Service without a port")?
        .port;
    let reach = &space.tenant().environment().host().reach;
    Ok(reach.open(SocketAddr::new(address, u16::try_from(port)?)).await?)
}
