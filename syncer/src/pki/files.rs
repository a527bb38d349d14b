//! The files that the control plane's programs read.

use std::path::Path;

use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::{Authority, Error, Identity, Issued, Names, issue, kubeconfig};

/// The address of the guest's API server for the programs in its own pod.
const INSIDE: &str = "https://127.0.0.1:6443";

/// The server of a user's kubeconfig: a port forwarded from the virtual cluster's Service, as with vcluster.
pub const OUTSIDE: &str = "https://localhost:8443";

/// The guest's API in the administrator's kubeconfig.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The URL of the server.
    pub server: &'a str,
    /// The name of the cluster, the user and the context.
    pub context: &'a str,
}

/// File name, without extension, of the certificate that the syncer presents as a kubelet.
pub const KUBELET: &str = "kubelet";

/// File name, without extension, of the certificate that the API server presents to a kubelet.
pub const KUBELET_CLIENT: &str = "apiserver-kubelet-client";

/// File name, without extension, of the certificate that the API server presents to a tenant's own API servers, and to the syncer
/// for metrics.
pub const FRONT_PROXY: &str = "front-proxy-client";

/// The certificate of the authority that issues that certificate, and no other.
pub const FRONT_PROXY_CA: &str = "front-proxy-ca.crt";

/// Writes into `folder` all files that a control plane starts from: the authority's parts, certificates and keys (`….crt`,
/// `….key`) of `apiserver`, `admin`, `kubelet`, `apiserver-kubelet-client` and `front-proxy-client`, the authority of the last
/// one, and the kubeconfigs `controller-manager`, `syncer` and `admin` (`….kubeconfig`).
///
/// Only the user that writes them can read them; all programs of the pod run as that user.
pub async fn write(
    authority: &Authority,
    names: &Names,
    access: Access<'_>,
    folder: &Path,
) -> Result<(), Error> {
    for (name, content) in authority.parts() {
        file(folder, &name, &content).await?;
    }
    let cluster = names.tenant.name();
    let ca = authority.certificate();
    for (name, identity) in [
        ("apiserver", Identity::ApiServer(names.clone())),
        (KUBELET, Identity::Kubelet),
        (KUBELET_CLIENT, Identity::KubeletClient),
    ] {
        pair(folder, name, &authority.issue(&identity)?).await?;
    }
    let front_proxy = issue::authority(&format!("{cluster}-front-proxy-ca"));
    let (certificate, issuer) = front_proxy.map_err(|source| Error::Issue {
        what: format!("the front proxy's authority of {cluster}"),
        source,
    })?;
    file(folder, FRONT_PROXY_CA, certificate.as_bytes()).await?;
    pair(
        folder,
        FRONT_PROXY,
        &issue::issue(&Identity::FrontProxy, &issuer)?,
    )
    .await?;
    for (name, identity) in [
        ("controller-manager", Identity::ControllerManager),
        ("syncer", Identity::Syncer),
    ] {
        let config = kubeconfig(cluster, INSIDE, ca, &authority.issue(&identity)?);
        file(folder, &format!("{name}.kubeconfig"), config.as_bytes()).await?;
    }
    let admin = authority.issue(&Identity::Admin)?;
    pair(folder, "admin", &admin).await?;
    file(
        folder,
        "admin.kubeconfig",
        kubeconfig(access.context, access.server, ca, &admin).as_bytes(),
    )
    .await
}

async fn pair(folder: &Path, name: &str, issued: &Issued) -> Result<(), Error> {
    file(folder, &format!("{name}.crt"), issued.certificate.as_bytes()).await?;
    file(folder, &format!("{name}.key"), issued.key.as_bytes()).await
}

async fn file(folder: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let path = folder.join(name);
    let written = async {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .await?;
        file.write_all(content).await?;
        file.flush().await
    };
    written.await.map_err(|source| Error::Write {
        path: path.clone(),
        source,
    })
}
