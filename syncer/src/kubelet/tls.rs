//! Authentication of clients: by TLS, with one of the two certificates that `syncer init` made for the guest's API server. It
//! presents one to kubelets, and the other to API servers of other APIs.
//!
//! Another certificate of the same authority is not accepted, whatever it contains: a guest's administrator can have the guest
//! sign one for any name.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::Error;
use crate::pki;

/// The client that sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The guest's API server, with a request for a kubelet.
    ApiServer,
    /// The guest's API server, with a request for another API on behalf of a client.
    FrontProxy,
    /// Another client, with a certificate of the guest's.
    Unknown,
}

/// TLS acceptor of all connections.
pub(super) struct Acceptor {
    tls: TlsAcceptor,
    kubelet_client: CertificateDer<'static>,
    front_proxy: CertificateDer<'static>,
}

impl Acceptor {
    /// Reads the files that `syncer init` wrote into a folder.
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let certificate = |name: &str| read(folder, name, CertificateDer::from_pem_file);
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Certificates {
            folder: folder.to_owned(),
            source,
        };
        let mut authorities = RootCertStore::empty();
        for name in [pki::CA_CERTIFICATE, pki::FRONT_PROXY_CA] {
            let added = authorities.add(certificate(name)?);
            added.map_err(|error| unusable(error.into()))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider.clone())
            .build()
            .map_err(|error| unusable(error.into()))?;
        let own = certificate(&format!("{}.crt", pki::KUBELET))?;
        let key = read(
            folder,
            &format!("{}.key", pki::KUBELET),
            PrivateKeyDer::from_pem_file,
        )?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(verifier)
                    .with_single_cert(vec![own], key)
            })
            .map_err(|error| unusable(error.into()))?;
        Ok(Self {
            tls: TlsAcceptor::from(Arc::new(config)),
            kubelet_client: certificate(&format!("{}.crt", pki::KUBELET_CLIENT))?,
            front_proxy: certificate(&format!("{}.crt", pki::FRONT_PROXY))?,
        })
    }

    /// Performs the TLS handshake and identifies the client. A client without a certificate of the guest's is an error.
    pub(super) async fn greet(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Caller)> {
        let stream = self.tls.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let caller = match shown.first() {
            Some(shown) if *shown == self.kubelet_client => Caller::ApiServer,
            Some(shown) if *shown == self.front_proxy => Caller::FrontProxy,
            _ => Caller::Unknown,
        };
        Ok((stream, caller))
    }
}

fn read<T>(
    folder: &Path,
    name: &str,
    from: impl FnOnce(std::path::PathBuf) -> Result<T, pem::Error>,
) -> Result<T, Error> {
    let path = folder.join(name);
    from(path.clone()).map_err(|source| Error::Read { path, source })
}
