//! Sources of originals on the host, and the places of their copies in the guest.

use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Node, Secret, Service};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;

use crate::sync::generic::custom_resources::Status;
use crate::sync::pods::nodes;
use crate::sync::runtime::key::Key;
use crate::sync::to_host::config_objects::TOKEN_TYPE;
use crate::sync::write::object::Object;
use vcluster_values::from_host::HostKind;
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::own;

/// Name prefix of Kubernetes' own priority classes. Every cluster has them, so the tenant gets none of the host's.
const SYSTEM: &str = "system-";

/// The ConfigMap that every cluster creates in each namespace.
const ROOT_CA: &str = "kube-root-ca.crt";

/// A source of copies.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Objects of a cluster-scoped kind, with a selector of their labels.
    WholeHost(HostKind, String),
    /// Objects of an imported kind.
    Imported {
        /// The kind, as the host serves it.
        kind: ApiResource,
        /// The way in which its status is written.
        status: Status,
        /// The mapping; `None` if the kind is cluster-scoped.
        mapping: Option<Mapping>,
        /// True if a tenant's own object of the same name is replaced.
        replaces: bool,
    },
    /// ConfigMaps.
    ConfigMaps(Mapping),
    /// Secrets.
    Secrets(Mapping),
    /// Services.
    Services(Mapping),
    /// Endpoints of Services. They have the names of their Services, so that a role can be for these alone.
    Endpoints(Mapping),
}

impl Source {
    /// Returns the source for a cluster-scoped kind.
    pub(super) fn whole_host(kind: HostKind, selector: &str) -> Self {
        Self::WholeHost(kind, selector.to_owned())
    }

    /// Returns the source for an imported cluster-scoped kind, or for a mapping.
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

    /// Returns the source for ConfigMaps of a mapping.
    pub(super) fn config_map(mapping: Mapping) -> Self {
        Self::ConfigMaps(mapping)
    }

    /// Returns the source for Secrets of a mapping.
    pub(super) fn secret(mapping: Mapping) -> Self {
        Self::Secrets(mapping)
    }

    /// Returns the source for Endpoints of the Services of a mapping.
    pub(super) fn endpoints(mapping: Mapping) -> Self {
        Self::Endpoints(mapping)
    }

    /// Returns the source for Services of a mapping.
    pub(super) fn service(mapping: Mapping) -> Self {
        Self::Services(mapping)
    }

    /// Returns the kind.
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

    /// Returns the way in which the status is written; `Status::Field` for kinds that are not imported.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Imported { status, .. } => *status,
            _ => Status::Field,
        }
    }

    /// Returns the host namespace, if the kind is namespaced.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.mapping().map(|mapping| mapping.from_namespace.as_str())
    }

    /// Returns the label selector of the watch.
    pub(super) fn labels(&self) -> Option<String> {
        match self {
            Self::WholeHost(_, selector) if !selector.is_empty() => Some(selector.clone()),
            _ => None,
        }
    }

    /// Returns the field selector of the watch. A role can be for single names, and then allows no other watch.
    pub(super) fn fields(&self) -> Option<String> {
        let name = self.mapping()?.names.as_ref().map(|(from, _)| from)?;
        Some(format!("metadata.name={name}"))
    }

    /// Returns the key of a host object's copy; `None` if it has none.
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

    /// Returns true if an object at the source is not shown: a token of the host is only shown if it is mapped by name.
    pub(super) fn withholds(&self, host: &Object) -> bool {
        let kind = self.kind();
        let is_secret = kind.group.is_empty() && kind.kind == "Secret";
        let is_named = self.mapping().is_some_and(|mapping| mapping.names.is_some());
        let type_ = host.fields.get("type");
        is_secret && !is_named && type_.is_some_and(|type_| type_.get() == TOKEN_TYPE)
    }

    /// Returns the value of the annotation that names a copy's original.
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

    /// Returns true if a copy replaces a tenant's own object of the same name.
    pub(super) fn takes_names(&self) -> bool {
        matches!(self, Self::Imported { replaces: true, .. })
    }

    /// Returns true if a guest object is a copy of an object at this source.
    pub(super) fn is_copy(&self, guest: &ObjectMeta) -> bool {
        let annotations = guest.annotations.as_ref();
        let Some(original) = annotations.and_then(|annotations| annotations.get(own::SOURCE)) else {
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

/// Returns a cluster-scoped kind, as APIs serve it.
pub(crate) fn resource(kind: HostKind) -> ApiResource {
    match kind {
        HostKind::Node => ApiResource::erase::<Node>(&()),
        HostKind::StorageClass => ApiResource::erase::<StorageClass>(&()),
        HostKind::IngressClass => ApiResource::erase::<IngressClass>(&()),
        HostKind::RuntimeClass => ApiResource::erase::<RuntimeClass>(&()),
        HostKind::PriorityClass => ApiResource::erase::<PriorityClass>(&()),
    }
}

/// The name of the reconciler in logs and metrics.
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
            Self::ConfigMaps(mapping) => ("ConfigMaps", mapping),
            Self::Secrets(mapping) => ("Secrets", mapping),
            Self::Services(mapping) => ("Services", mapping),
            Self::Endpoints(mapping) => ("Endpoints", mapping),
        };
        write!(formatter, "{what} of {mapping}")
    }
}
