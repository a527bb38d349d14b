//! Which guest objects name which config maps and Secrets: only those named are kept on the host.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, Pod, PodSpec, Volume};
use kube::core::ApiResource;
use serde_json::Value;

use super::key::Key;
use super::mutation::{self, Mutation};
use super::object::Fields;
use super::queue::Queue;

/// The two kinds that are kept on the host because others name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Payload {
    /// A config map.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// A named config map or Secret.
pub(crate) type Reference = (Payload, Key);

/// A guest object that names others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Referrer {
    /// A pod.
    Pod(Key),
    /// An exported object.
    Exported(String),
}

impl Referrer {
    /// An exported object.
    pub(crate) fn exported(kind: &ApiResource, key: &Key) -> Self {
        Self::Exported(format!("{}.{} {key}", kind.plural, kind.group))
    }
}

/// Who names what.
#[derive(Debug, Default)]
pub(crate) struct References {
    state: Mutex<State>,
    config_maps: Arc<Queue>,
    secrets: Arc<Queue>,
}

#[derive(Debug, Default)]
struct State {
    by_referrer: HashMap<Referrer, BTreeSet<Reference>>,
    by_reference: HashMap<Reference, HashSet<Referrer>>,
    /// Kinds of which it is not known yet what all their objects name.
    unknown: HashSet<String>,
}

impl References {
    /// The queue that keys of a kind are put in when the first names one, or the last no longer does.
    pub(crate) fn queue(&self, payload: Payload) -> &Arc<Queue> {
        match payload {
            Payload::ConfigMap => &self.config_maps,
            Payload::Secret => &self.secrets,
        }
    }

    /// Whether anything names it.
    pub(crate) fn holds(&self, reference: &Reference) -> bool {
        self.state().by_reference.contains_key(reference) && !mutation::is(Mutation::DropReferences)
    }

    /// Says that objects of a kind may name something, all of which is to be told by [`References::set`].
    pub(crate) fn expect(&self, kind: &str) {
        self.state().unknown.insert(kind.to_owned());
    }

    /// Says that what all objects of a kind name has been told.
    pub(crate) fn know(&self, kind: &str) {
        self.state().unknown.remove(kind);
    }

    /// Whether everything that is named is known: until then, what nothing seems to name may yet be.
    pub(crate) fn are_known(&self) -> bool {
        self.state().unknown.is_empty()
    }

    /// Says what an object names now; nothing once it is gone.
    pub(crate) fn set(&self, referrer: &Referrer, references: BTreeSet<Reference>) {
        let mut changed = Vec::new();
        {
            let mut state = self.state();
            let before = state.by_referrer.remove(referrer).unwrap_or_default();
            for reference in references.difference(&before) {
                let referrers = state.by_reference.entry(reference.clone()).or_default();
                if referrers.is_empty() {
                    changed.push(reference.clone());
                }
                referrers.insert(referrer.clone());
            }
            for reference in before.difference(&references) {
                let referrers = state.by_reference.entry(reference.clone()).or_default();
                referrers.remove(referrer);
                if referrers.is_empty() {
                    state.by_reference.remove(reference);
                    changed.push(reference.clone());
                }
            }
            if !references.is_empty() {
                state.by_referrer.insert(referrer.clone(), references);
            }
        }
        for (payload, key) in changed {
            self.queue(payload).add(key);
        }
    }

    /// The pods that name it.
    pub(crate) fn pods_naming(&self, reference: &Reference) -> Vec<Key> {
        let state = self.state();
        let referrers = state.by_reference.get(reference).into_iter().flatten();
        referrers
            .filter_map(|referrer| match referrer {
                Referrer::Pod(key) => Some(key.clone()),
                Referrer::Exported(_) => None,
            })
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a pod names: in volumes, environments and pull secrets.
    pub(crate) fn in_pod(pod: &Pod) -> BTreeSet<Reference> {
        let mut found = Found {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            all: BTreeSet::new(),
        };
        if let Some(spec) = &pod.spec {
            found.in_spec(spec);
        }
        found.all
    }

    /// What an exported object names: the `name` of each `secretKeyRef`, at any depth.
    pub(crate) fn in_fields(key: &Key, fields: &Fields) -> BTreeSet<Reference> {
        let mut found = Found {
            namespace: key.namespace.clone(),
            all: BTreeSet::new(),
        };
        for (name, raw) in fields {
            if name != "status" && raw.get().contains("secretKeyRef") {
                found.in_value(&serde_json::from_str(raw.get()).unwrap_or_default());
            }
        }
        found.all
    }
}

struct Found {
    namespace: String,
    all: BTreeSet<Reference>,
}

impl Found {
    fn add(&mut self, payload: Payload, name: &str) {
        if !name.is_empty() {
            self.all.insert((payload, Key::new(self.namespace.clone(), name)));
        }
    }

    fn in_spec(&mut self, spec: &PodSpec) {
        for secret in spec.image_pull_secrets.iter().flatten() {
            self.add(Payload::Secret, &secret.name);
        }
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            self.in_container(container.env.as_deref(), container.env_from.as_deref());
        }
        for container in spec.ephemeral_containers.iter().flatten() {
            self.in_container(container.env.as_deref(), container.env_from.as_deref());
        }
        for volume in spec.volumes.iter().flatten() {
            if let Some(source) = &volume.config_map {
                self.add(Payload::ConfigMap, &source.name);
            }
            if let Some(name) = volume
                .secret
                .as_ref()
                .and_then(|source| source.secret_name.as_ref())
            {
                self.add(Payload::Secret, name);
            }
            for name in driver_secrets(volume) {
                self.add(Payload::Secret, name);
            }
            for source in volume
                .projected
                .iter()
                .flat_map(|source| source.sources.iter().flatten())
            {
                if let Some(source) = &source.config_map {
                    self.add(Payload::ConfigMap, &source.name);
                }
                if let Some(source) = &source.secret {
                    self.add(Payload::Secret, &source.name);
                }
            }
        }
    }

    fn in_container(&mut self, env: Option<&[EnvVar]>, env_from: Option<&[EnvFromSource]>) {
        let variables = env.into_iter().flatten();
        for source in variables.filter_map(|variable| variable.value_from.as_ref()) {
            if let Some(source) = &source.config_map_key_ref {
                self.add(Payload::ConfigMap, &source.name);
            }
            if let Some(source) = &source.secret_key_ref {
                self.add(Payload::Secret, &source.name);
            }
        }
        for source in env_from.into_iter().flatten() {
            if let Some(source) = &source.config_map_ref {
                self.add(Payload::ConfigMap, &source.name);
            }
            if let Some(source) = &source.secret_ref {
                self.add(Payload::Secret, &source.name);
            }
        }
    }

    fn in_value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    if name == "secretKeyRef"
                        && let Some(secret) = value.get("name").and_then(Value::as_str)
                    {
                        self.add(Payload::Secret, secret);
                    }
                    self.in_value(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.in_value(value)),
            _ => {}
        }
    }
}

/// The Secrets that a volume's driver reads to mount it.
fn driver_secrets(volume: &Volume) -> impl Iterator<Item = &String> {
    let csi = (volume.csi.as_ref()).and_then(|source| source.node_publish_secret_ref.as_ref());
    let flex = (volume.flex_volume.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let iscsi = (volume.iscsi.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let azure = volume.azure_file.as_ref().map(|source| &source.secret_name);
    let named = [csi, flex, iscsi].into_iter().flatten();
    named.map(|secret| &secret.name).chain(azure)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    fn secret(name: &str) -> Reference {
        (Payload::Secret, Key::new("default", name))
    }

    #[test]
    fn a_component_names_the_secrets_of_its_metadata() {
        let spec = json!({"metadata": [
            {"name": "redisHost", "value": "redis:6379"},
            {"name": "redisPassword", "secretKeyRef": {"name": "redis", "key": "redis-password"}},
        ]});
        let fields: Fields = BTreeMap::from([("spec".to_owned(), to_raw_value(&spec).unwrap())]);
        let found = References::in_fields(&Key::new("default", "store"), &fields);
        assert_eq!(found, BTreeSet::from([secret("redis")]));
    }

    #[test]
    fn what_nothing_names_is_certain_once_all_kinds_are_known() {
        let references = References::default();
        references.expect("pods");
        references.expect("components");
        references.know("pods");
        assert!(!references.are_known());
        references.know("components");
        assert!(references.are_known());
    }

    #[tokio::test]
    async fn only_the_first_and_the_last_to_name_a_secret_have_it_looked_at() {
        let references = References::default();
        let (first, second) = (Referrer::Exported("1".into()), Referrer::Exported("2".into()));
        references.set(&first, BTreeSet::from([secret("redis")]));
        references.set(&second, BTreeSet::from([secret("redis")]));
        let queue = references.queue(Payload::Secret);
        let taken = queue.next().await;
        queue.done(&taken);
        references.set(&first, BTreeSet::new());
        assert!(references.holds(&secret("redis")));
        references.set(&second, BTreeSet::new());
        assert!(!references.holds(&secret("redis")));
        assert_eq!(queue.next().await, Key::new("default", "redis"));
    }
}
