//! Removing a kind cluster, and finding its remains.

use std::path::Path;

use provision::docker::Docker;
use provision::images::node_image;
use sandbox::background;

use super::{Error, LABEL, cluster_name, containers};

/// Removes the environment's containers, their volumes and the nodes' image. A daemon that is gone for good, as one
/// that was started for a single command, has taken them with it.
pub async fn end(environment: &str, docker: &Docker, state: &Path) -> Result<(), Error> {
    if is_gone(docker, state) {
        return Ok(());
    }
    let cluster = cluster_name(environment);
    end_kind(&cluster).await?;
    let nodes = containers(&cluster, docker).await?;
    docker.remove(&nodes).await?;
    let image = node_image::name_prefix(environment);
    for name in docker.images(&image).await? {
        docker.remove_image(&name).await?;
    }
    Ok(())
}

/// Ends processes of a run that was killed: kind, and the docker that it starts, would go on creating nodes.
async fn end_kind(cluster: &str) -> Result<(), Error> {
    let label = format!("{LABEL}={cluster}");
    let is_about_it = |argument: &[u8]| argument == cluster.as_bytes() || argument == label.as_bytes();
    background::end("kind to end", || {
        background::of_programs(&["kind", "docker"], is_about_it)
    })
    .await
    .map_err(Error::file("end kind's processes in", Path::new("/proc")))
}

/// Returns the containers that are left of an environment that should be gone.
pub async fn left_behind(environment: &str, docker: &Docker, state: &Path) -> Result<Vec<String>, Error> {
    if is_gone(docker, state) {
        return Ok(Vec::new());
    }
    let nodes = containers(&cluster_name(environment), docker).await?;
    Ok(nodes
        .into_iter()
        .map(|name| format!("container {name}"))
        .collect())
}

/// Returns true if it was a daemon of this program's own, whose folder is gone. Any other may only have been stopped.
fn is_gone(docker: &Docker, state: &Path) -> bool {
    docker
        .host
        .as_deref()
        .and_then(|host| host.strip_prefix("unix://"))
        .map(Path::new)
        .is_some_and(|socket| socket.starts_with(state) && !socket.exists())
}
