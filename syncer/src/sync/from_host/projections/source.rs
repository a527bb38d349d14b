//! Where originals are on the host, and where their copies are in the guest.

use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Node, Secret, Service};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;

use super::COPY_OF;
use crate::sync::generic::custom_resources::Status;
use crate::sync::pods::nodes;
use crate::sync::runtime::key::Key;
use crate::sync::to_host::config_objects::TOKEN_TYPE;
use crate::sync::write::object::Object;
use vcluster_values::from_host::HostKind;
use vcluster_values::mapping::Mapping;

/// Kubernetes' own priority classes, which every cluster has, and which a tenant gets none of the host's.
const SYSTEM: &str = "system-";

/// The config map that every cluster puts in each namespace itself.
const ROOT_CA: &str = "kube-root-ca.crt";

/// What is shown.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Objects of a cluster-scoped kind, with these labels.
    WholeHost(HostKind, String),
    /// Objects of an imported kind.
    Imported {
        /// The kind, as the host serves it.
        kind: ApiResource,
        /// How its status is written.
        status: Status,
        /// The mapping; none if the kind is cluster-scoped.
        mapping: Option<Mapping>,
        /// Whether what the tenant has made itself under such a name gives way.
        replaces: bool,
    },
    /// Config maps.
    ConfigMaps(Mapping),
    /// Secrets.
    Secrets(Mapping),
    /// Services.
    Services(Mapping),
    /// Where Services lead. They are called as their Services are, so that a role can be for these alone.
    Endpoints(Mapping),
}

impl Source {
    /// Objects of a cluster-scoped kind.
    pub(super) fn whole_host(kind: HostKind, selector: &str) -> Self {
        Self::WholeHost(kind, selector.to_owned())
    }

    /// Objects of an imported cluster-scoped kind, or of a mapping.
    pub(super) fn imported(
        kind: ApiResource,
        status: Status,
        mapping: Option<Mapping>,
        replaces: bool,
    ) -> Self {
        Self::Imported {
            kind,
            status,
            mapping,
            replaces,
        }
    }

    /// Config maps of a mapping.
    pub(super) fn config_map(mapping: Mapping) -> Self {
        Self::ConfigMaps(mapping)
    }

    /// Secrets of a mapping.
    pub(super) fn secret(mapping: Mapping) -> Self {
        Self::Secrets(mapping)
    }

    /// Where Services of a mapping lead.
    pub(super) fn endpoints(mapping: Mapping) -> Self {
        Self::Endpoints(mapping)
    }

    /// Services of a mapping.
    pub(super) fn service(mapping: Mapping) -> Self {
        Self::Services(mapping)
    }

    /// The kind.
    pub(super) fn kind(&self) -> ApiResource {
        match self {
            Self::WholeHost(kind, _) => resource(*kind),
            Self::Imported { kind, .. } => kind.clone(),
            Self::ConfigMaps(_) => ApiResource::erase::<ConfigMap>(&()),
            Self::Secrets(_) => ApiResource::erase::<Secret>(&()),
            Self::Services(_) => ApiResource::erase::<Service>(&()),
            Self::Endpoints(_) => ApiResource::erase::<Endpoints>(&()),
        }
    }

    /// How the status is written of kinds that nothing else is known of.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Imported { status, .. } => *status,
            _ => Status::Field,
        }
    }

    /// The host namespace, if the kind is in one.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.mapping().map(|mapping| mapping.from_namespace.as_str())
    }

    /// The selector of labels to watch with.
    pub(super) fn labels(&self) -> Option<String> {
        match self {
            Self::WholeHost(_, selector) if !selector.is_empty() => Some(selector.clone()),
            _ => None,
        }
    }

    /// The selector of fields to watch with. A role can be for single names, and then lets no other watch pass.
    pub(super) fn fields(&self) -> Option<String> {
        let name = self.mapping()?.names.as_ref().map(|(from, _)| from)?;
        Some(format!("metadata.name={name}"))
    }

    /// Where a host object's copy is; `None` if it has none.
    pub(super) fn guest_key(&self, host_name: &str) -> Option<Key> {
        let Some(mapping) = self.mapping() else {
            let is_own =
                matches!(self, Self::WholeHost(HostKind::PriorityClass, _)) && host_name.starts_with(SYSTEM);
            return (!is_own).then(|| Key::new("", host_name));
        };
        let name = match &mapping.names {
            Some((from, to)) => (from == host_name).then_some(to.as_str()),
            None => (host_name != ROOT_CA).then_some(host_name),
        };
        name.map(|name| Key::new(mapping.to_namespace.clone(), name))
    }

    /// Returns whether an object at the source is not shown: a token of the host's is only shown if it is mapped by name.
    pub(super) fn withholds(&self, host: &Object) -> bool {
        let kind = self.kind();
        let is_secret = kind.group.is_empty() && kind.kind == "Secret";
        let is_named = self.mapping().is_some_and(|mapping| mapping.names.is_some());
        let type_ = host.fields.get("type");
        is_secret && !is_named && type_.is_some_and(|type_| type_.get() == TOKEN_TYPE)
    }

    /// What a copy says of its original.
    pub(super) fn original(&self, host: &Object) -> String {
        let name = host.metadata.name.as_deref().unwrap_or_default();
        match self.namespace() {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        }
    }

    /// Returns true if a copy may replace a guest object: another copy, or a fake node.
    pub(super) fn may_replace(&self, guest: &ObjectMeta) -> bool {
        let is_of_nodes = matches!(self, Self::WholeHost(HostKind::Node, _));
        self.is_copy(guest) || (is_of_nodes && nodes::is_fake(guest))
    }

    /// Returns true if what the tenant has made itself gives way to a copy of its name.
    pub(super) fn takes_names(&self) -> bool {
        matches!(self, Self::Imported { replaces: true, .. })
    }

    /// Returns true if a guest object is a copy of something at this source.
    pub(super) fn is_copy(&self, guest: &ObjectMeta) -> bool {
        let annotations = guest.annotations.as_ref();
        let Some(original) = annotations.and_then(|annotations| annotations.get(COPY_OF)) else {
            return false;
        };
        let (namespace, name) = match original.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, original.as_str()),
        };
        namespace == self.namespace() && self.guest_key(name).as_ref() == Some(&Key::of(guest))
    }

    fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::WholeHost(..) => None,
            Self::Imported { mapping, .. } => mapping.as_ref(),
            Self::ConfigMaps(mapping)
            | Self::Secrets(mapping)
            | Self::Services(mapping)
            | Self::Endpoints(mapping) => Some(mapping),
        }
    }
}

/// A cluster-scoped kind, as APIs serve it.
pub(crate) fn resource(kind: HostKind) -> ApiResource {
    match kind {
        HostKind::Node => ApiResource::erase::<Node>(&()),
        HostKind::StorageClass => ApiResource::erase::<StorageClass>(&()),
        HostKind::IngressClass => ApiResource::erase::<IngressClass>(&()),
        HostKind::RuntimeClass => ApiResource::erase::<RuntimeClass>(&()),
        HostKind::PriorityClass => ApiResource::erase::<PriorityClass>(&()),
    }
}

/// What the part is called in logs and metrics.
impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, mapping) = match self {
            Self::WholeHost(HostKind::Node, _) => return formatter.write_str("the host's nodes"),
            Self::WholeHost(HostKind::StorageClass, _) => return formatter.write_str("storage classes"),
            Self::WholeHost(HostKind::IngressClass, _) => return formatter.write_str("ingress classes"),
            Self::WholeHost(HostKind::RuntimeClass, _) => return formatter.write_str("runtime classes"),
            Self::WholeHost(HostKind::PriorityClass, _) => return formatter.write_str("priority classes"),
            Self::Imported { kind, mapping, .. } => {
                write!(formatter, "import of {}", kind.kind)?;
                return match mapping {
                    Some(mapping) => write!(formatter, " of {mapping}"),
                    None => Ok(()),
                };
            }
            Self::ConfigMaps(mapping) => ("config maps", mapping),
            Self::Secrets(mapping) => ("secrets", mapping),
            Self::Services(mapping) => ("services", mapping),
            Self::Endpoints(mapping) => ("endpoints", mapping),
        };
        write!(formatter, "{what} of {mapping}")
    }
}
