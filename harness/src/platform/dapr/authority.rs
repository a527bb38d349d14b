//! The certificates with which Sentry signs the sidecars' certificates, and with which all sides check them.
//!
//! They are created once for an installation, and valid for a year. New ones would have to get to Sentry, the
//! operator, the injector, its webhook and every sidecar at the same moment, so nothing renews them by itself:
//! docs/operating.md describes how to renew them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
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
    /// Returns the authority of the installed Dapr, or a new one if there is none.
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let found = secrets.get_opt(SECRET).await.map_err(|source| Error::Host {
            action: "read",
            object: format!("secret {SECRET}"),
            source,
        })?;
        match found.as_ref().and_then(Self::in_secret) {
            Some(authority) => Ok(authority),
            None => Ok(Self::new(today())?),
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

    pub(super) fn new(today: Date) -> Result<Self, rcgen::Error> {
        let root_key = KeyPair::generate()?;
        let root = certificate_authority("shared-dapr root", today)?;
        let root_certificate = root.self_signed(&root_key)?;
        let issuer_key = KeyPair::generate()?;
        let issuer = certificate_authority("shared-dapr issuer", today)?;
        let issuer_certificate = issuer.signed_by(&issuer_key, &Issuer::new(root, root_key))?;
        Ok(Self {
            root_certificate: root_certificate.pem(),
            issuer_certificate: issuer_certificate.pem(),
            issuer_key: issuer_key.serialize_pem(),
        })
    }
}

fn certificate_authority(name: &str, today: Date) -> Result<CertificateParams, rcgen::Error> {
    let midnight = |date: Date| {
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // A node whose clock is behind has to be able to use it at once.
    params.not_before = midnight(today.saturating_sub(1.day()));
    params.not_after = midnight(today.saturating_add(1.year()));
    Ok(params)
}

/// Returns the day that it is in UTC.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use x509_parser::pem::parse_x509_pem;

    use super::*;

    /// Reads from when and until when a certificate is valid, in seconds since 1970.
    fn validity(certificate: &str) -> [i64; 2] {
        let (_, pem) = parse_x509_pem(certificate.as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        let validity = certificate.validity();
        [validity.not_before, validity.not_after].map(|time| time.timestamp())
    }

    #[test]
    fn the_certificates_are_valid_for_a_year_and_since_yesterday() {
        let seconds = |date: Date| date.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second();
        for (today, from, until) in [
            (date(2026, 11, 29), date(2026, 11, 28), date(2027, 11, 29)),
            (date(2028, 2, 29), date(2028, 2, 28), date(2029, 2, 28)),
            (date(2027, 1, 1), date(2026, 12, 31), date(2028, 1, 1)),
        ] {
            let made = Authority::new(today).unwrap();
            for certificate in [&made.root_certificate, &made.issuer_certificate] {
                assert_eq!(validity(certificate), [from, until].map(seconds), "{today}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let made = Authority::new(today()).unwrap();
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
