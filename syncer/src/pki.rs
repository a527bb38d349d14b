//! Certificates of a virtual cluster's programs: its certificate authority, certificates and kubeconfigs.
//!
//! An [`Authority`] is made once per virtual cluster and kept on the host. It issues new certificates at each start of the
//! control plane, because addresses change. A tenant's own API servers authenticate the guest's API server by another authority.
//! That one is made at each start and kept nowhere, not even its key: it issues one certificate.

/// Certificates that the authority issues.
mod issue;

/// The files that the control plane's programs read.
mod files;

/// Kubeconfigs.
mod kubeconfig;

/// The Secret on the host that keeps the authority.
mod secret;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use files::{Access, FRONT_PROXY, FRONT_PROXY_CA, KUBELET, KUBELET_CLIENT, OUTSIDE, write};
pub use issue::{Identity, Issued, Names};
pub use kubeconfig::kubeconfig;
use rcgen::{DistinguishedName, DnType, Issuer, KeyPair};
pub use secret::keep;

/// The key under which the CA's certificate is kept and written.
pub const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const TOKEN_KEY: &str = "sa.key";
const TOKEN_PUBLIC_KEY: &str = "sa.pub";

/// Failure to make, keep or write certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate or key could not be made.
    #[error("issue {what}")]
    Issue {
        /// The certificate or the authority.
        what: String,
        /// The cause.
        source: rcgen::Error,
    },
    /// The kept authority is incomplete or invalid.
    #[error("read {key} of the kept certificate authority")]
    Kept {
        /// The key of the part.
        key: &'static str,
        /// The cause, if the part exists.
        source: Option<rcgen::Error>,
    },
    /// The host did not do what was asked.
    #[error("{attempt}")]
    Host {
        /// The request that failed.
        attempt: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Keys that stay the same for as long as a virtual cluster lives: its CA and the key that signs the tokens of its service
/// accounts.
#[derive(Debug)]
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    tokens: KeyPair,
}

impl Authority {
    /// Creates a new authority; `name` is the virtual cluster's.
    pub fn generate(name: &str) -> Result<Self, Error> {
        let failed = |source| Error::Issue {
            what: format!("the certificate authority of {name}"),
            source,
        };
        let (certificate, issuer) = issue::authority(&format!("{name}-ca")).map_err(failed)?;
        Ok(Self {
            certificate,
            issuer,
            tokens: KeyPair::generate().map_err(failed)?,
        })
    }

    /// Reads an authority that was kept.
    pub fn from_parts(parts: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let part = |key: &'static str| {
            let text = parts
                .get(key)
                .and_then(|bytes| String::from_utf8(bytes.clone()).ok());
            text.ok_or(Error::Kept { key, source: None })
        };
        let pair = |key: &'static str| {
            KeyPair::from_pem(&part(key)?).map_err(|source| Error::Kept {
                key,
                source: Some(source),
            })
        };
        let certificate = part(CA_CERTIFICATE)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, pair(CA_KEY)?).map_err(|source| Error::Kept {
            key: CA_CERTIFICATE,
            source: Some(source),
        })?;
        Ok(Self {
            certificate,
            issuer,
            tokens: pair(TOKEN_KEY)?,
        })
    }

    /// Returns the parts to keep, by name.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<String, Vec<u8>> {
        let parts = [
            (CA_CERTIFICATE, self.certificate.clone()),
            (CA_KEY, self.issuer.key().serialize_pem()),
            (TOKEN_KEY, self.tokens.serialize_pem()),
            (TOKEN_PUBLIC_KEY, self.tokens.public_key_pem()),
        ];
        parts
            .into_iter()
            .map(|(key, text)| (key.to_owned(), text.into_bytes()))
            .collect()
    }

    /// Returns the CA's certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a certificate for an identity.
    pub fn issue(&self, identity: &Identity) -> Result<Issued, Error> {
        issue::issue(identity, &self.issuer)
    }
}

/// Returns a subject's distinguished name.
fn distinguished_name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

#[cfg(test)]
mod tests;
