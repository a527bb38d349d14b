//! Certificates for the control plane's programs and for those who use it.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use vcluster_values::naming::Tenant;

use super::{Error, distinguished_name};
use crate::guest::metrics;

/// Lifetime of certificates, in years. It is long, because nothing renews them while a control plane runs; those of its programs
/// are issued again at each of its starts.
const YEARS: i64 = 10;

/// The subject of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The guest's API server, with all names by which it is reached.
    ApiServer(Names),
    /// The guest's controller manager.
    ControllerManager,
    /// The syncer.
    Syncer,
    /// The tenant's own administrator.
    Admin,
    /// The syncer, as the kubelet that the guest's API server asks.
    Kubelet,
    /// The guest's API server, as a client of kubelets. The guest itself knows no user of that name.
    KubeletClient,
    /// The guest's API server, as a client of another API server on behalf of a user. By the chart's settings, no other client is
    /// accepted by this name.
    FrontProxy,
}

/// Names and addresses of the guest's API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The virtual cluster: its Service on the host has its name.
    pub tenant: Tenant,
    /// The cluster IPs of that Service.
    pub service: Vec<IpAddr>,
    /// The address of the pod.
    pub pod: Option<IpAddr>,
    /// Names and addresses by which clients outside reach it.
    pub outside: Vec<String>,
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

impl Names {
    fn all(&self) -> Vec<String> {
        let service = format!("{}.{}", self.tenant.name(), self.tenant.namespace());
        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            self.tenant.name(),
            &service,
            &format!("{service}.svc"),
            &format!("{service}.svc.cluster.local"),
        ]
        .map(str::to_owned);
        let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST)]
            .into_iter()
            .chain(self.service.clone())
            .chain(self.pod);
        names
            .into_iter()
            .chain(addresses.map(|address| address.to_string()))
            .chain(self.outside.clone())
            .collect()
    }
}

impl Identity {
    /// Returns the user name and group that Kubernetes takes from the certificate.
    fn subject(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::ApiServer(_) => ("kube-apiserver", None),
            Self::ControllerManager => ("system:kube-controller-manager", None),
            Self::Syncer => ("syncer", Some("system:masters")),
            Self::Admin => ("kubernetes-admin", Some("system:masters")),
            Self::Kubelet => ("syncer-kubelet", None),
            Self::KubeletClient => ("kube-apiserver-kubelet-client", None),
            Self::FrontProxy => ("front-proxy-client", None),
        }
    }

    /// Returns the names and addresses by which it is reached, if it is a server.
    fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::ApiServer(names) => Some(names.all()),
            // Whoever asks is in the same pod, and comes by a Service of the guest for metrics.
            Self::Kubelet => {
                let service = format!("{}.{}.svc", metrics::SERVICE, metrics::NAMESPACE);
                Some(
                    ["localhost", "127.0.0.1", "::1", &service]
                        .map(str::to_owned)
                        .into(),
                )
            }
            Self::ControllerManager | Self::Syncer | Self::Admin | Self::KubeletClient | Self::FrontProxy => {
                None
            }
        }
    }
}

/// Creates an authority: its certificate, PEM, and its issuer.
pub(super) fn authority(common_name: &str) -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = params(common_name, None)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok((certificate, Issuer::new(params, key)))
}

/// Issues a certificate by an authority.
pub(super) fn issue(identity: &Identity, issuer: &Issuer<'_, KeyPair>) -> Result<Issued, Error> {
    let (user, group) = identity.subject();
    let failed = |source| Error::Issue {
        what: format!("a certificate to {user}"),
        source,
    };
    let mut params = params(user, group).map_err(failed)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    if let Some(names) = identity.names() {
        params.subject_alt_names = CertificateParams::new(names).map_err(failed)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    }
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, issuer).map_err(failed)?;
    Ok(Issued {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// Returns the parameters that all certificates have in common: the subject and the lifetime.
pub(super) fn params(
    common_name: &str,
    organization: Option<&str>,
) -> Result<CertificateParams, rcgen::Error> {
    let midnight = |date: Date| {
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = distinguished_name(common_name, organization);
    // A host whose clock is behind has to be able to use it at once.
    params.not_before = midnight(today.saturating_sub(1.day()));
    params.not_after = midnight(today.saturating_add(YEARS.years()));
    Ok(params)
}
