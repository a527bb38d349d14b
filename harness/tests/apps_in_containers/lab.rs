//! The parts that all tests share: a daemon, its images, a network.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use provision::images::Images;
use provision::wait;
use testcontainers::bollard::models::NetworkCreateRequest;
use testcontainers::bollard::query_parameters::{
    ImportImageOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::bollard::{Docker, body_full};
use testcontainers::core::client::docker_client_instance;

/// The label of every object of a run. Its value is the run.
pub(crate) const LABEL: &str = "shared-dapr.test";

/// The images that the containers are of.
const IMAGES: [&str; 4] = ["daprd", "read-app", "redis", "write-app"];

/// A daemon that is there answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(5);

/// A daemon with the images, and a network for the containers of one run.
pub(crate) struct Lab {
    pub(crate) docker: Docker,
    pub(crate) images: Images,
    /// The network's name, and the label's value.
    pub(crate) run: String,
    made: AtomicU32,
}

impl Lab {
    /// Fills it if a daemon answers. Otherwise, returns the reason.
    pub(crate) async fn open() -> Result<Arc<Self>, String> {
        let docker = daemon().await?;
        let images = testkit::images(&IMAGES).await.expect("the images can be had");
        for archive in &images.archives {
            let content = std::fs::read(&archive.path).expect("the archive is there");
            let loading = docker.import_image(ImportImageOptions::default(), body_full(content.into()), None);
            loading
                .try_collect::<Vec<_>>()
                .await
                .expect("the daemon takes the image");
        }
        let run = format!("shared-dapr-test-{}", std::process::id());
        let network = NetworkCreateRequest {
            name: run.clone(),
            labels: Some(HashMap::from([(LABEL.to_owned(), run.clone())])),
            ..NetworkCreateRequest::default()
        };
        docker
            .create_network(network)
            .await
            .expect("the daemon makes a network");
        Ok(Arc::new(Self {
            docker,
            images,
            run,
            made: AtomicU32::new(0),
        }))
    }

    /// Returns a unique name for a container.
    pub(crate) fn name(&self, of: &str) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        format!("{}-{of}-{number}", self.run)
    }

    /// Returns the repository and tag of an image.
    pub(crate) fn image(&self, short: &str) -> (&str, &str) {
        let archive = self.images.get(short).expect("it is one of those");
        archive.name.rsplit_once(':').expect("a name has a tag")
    }

    /// Removes the network, and first whatever container is left of the run; gives the names of those.
    pub(crate) async fn close(&self) -> Vec<String> {
        let filters = HashMap::from([("label", vec![format!("{LABEL}={}", self.run)])]);
        let all = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = self
            .docker
            .list_containers(Some(all))
            .await
            .expect("the daemon lists");
        let left: Vec<String> = found.into_iter().filter_map(|container| container.id).collect();
        for id in &left {
            let by_force = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            self.docker
                .remove_container(id, Some(by_force))
                .await
                .expect("the daemon removes what it made");
        }
        self.docker
            .remove_network(&self.run)
            .await
            .expect("nobody uses the network");
        left
    }
}

async fn daemon() -> Result<Docker, String> {
    let none = |why: String| format!("no Docker daemon answers ({why})");
    let docker = docker_client_instance()
        .await
        .map_err(|error| none(error.to_string()))?;
    match wait::at_most(ANSWER, docker.ping()).await {
        Some(Ok(_)) => Ok(docker),
        Some(Err(error)) => Err(none(error.to_string())),
        None => Err(none(format!("within {} s", ANSWER.as_secs()))),
    }
}
