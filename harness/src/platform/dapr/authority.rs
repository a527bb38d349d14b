//! What Sentry signs the sidecars' certificates with, and what everyone checks them against.
//!
//! Made once for an installation. Another would have to get to Sentry, the operator, the injector, its webhook and every
//! sidecar at the same moment.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::NAMESPACE;
use crate::platform::Error;

/// The Secret that Dapr's chart keeps it in.
const SECRET: &str = "dapr-trust-bundle";

/// A certificate authority, each part as PEM. It has no `Debug`, which would print its key.
#[derive(PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) root_certificate: String,
    pub(super) issuer_certificate: String,
    pub(super) issuer_key: String,
}

impl Authority {
    /// That of the Dapr that is installed; if there is none, a new one.
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let found = secrets.get_opt(SECRET).await.map_err(|source| Error::Host {
            action: "read",
            object: format!("secret {SECRET}"),
            source,
        })?;
        match found.as_ref().and_then(Self::in_secret) {
            Some(authority) => Ok(authority),
            None => Ok(Self::new()?),
        }
    }

    fn in_secret(secret: &Secret) -> Option<Self> {
        let part = |key: &str| {
            let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
            let text = String::from_utf8(bytes.clone()).ok()?;
            text.starts_with("-----BEGIN ").then_some(text)
        };
        Some(Self {
            root_certificate: part("ca.crt")?,
            issuer_certificate: part("issuer.crt")?,
            issuer_key: part("issuer.key")?,
        })
    }

    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let root_key = KeyPair::generate()?;
        let root = certificate_authority("shared-dapr root")?;
        let root_certificate = root.self_signed(&root_key)?;
        let issuer_key = KeyPair::generate()?;
        let issuer = certificate_authority("shared-dapr issuer")?;
        let issuer_certificate = issuer.signed_by(&issuer_key, &Issuer::new(root, root_key))?;
        Ok(Self {
            root_certificate: root_certificate.pem(),
            issuer_certificate: issuer_certificate.pem(),
            issuer_key: issuer_key.serialize_pem(),
        })
    }
}

fn certificate_authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let made = Authority::new().unwrap();
        let data = [
            ("ca.crt", &made.root_certificate),
            ("issuer.crt", &made.issuer_certificate),
            ("issuer.key", &made.issuer_key),
        ];
        let mut secret = Secret {
            data: Some(
                data.map(|(key, text)| (key.to_owned(), ByteString(text.clone().into_bytes())))
                    .into(),
            ),
            ..Secret::default()
        };
        assert!(Authority::in_secret(&secret) == Some(made));
        secret.data.as_mut().unwrap().remove("issuer.key");
        assert!(Authority::in_secret(&secret).is_none());
    }
}
