//! The ConfigMaps and Secrets that a pod or an exported object names, and how much it needs each of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EphemeralContainer, Pod, PodSpec, Volume};
use serde_json::Value;

use super::{ConfigObject, Reference, dapr};
use crate::sync::runtime::key::Key;
use crate::sync::write::object::{Fields, Object};

/// The degree to which an object needs another one that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Nothing on the host reads it for the object. It only has a mirror.
    Kept,
    /// The object works without it.
    Optional,
    /// The object does not work without it.
    Required,
}

impl Need {
    fn of(optional: Option<bool>) -> Self {
        if optional == Some(true) {
            Self::Optional
        } else {
            Self::Required
        }
    }
}

/// The references of an object.
pub(crate) type Needs = BTreeMap<Reference, Need>;

/// Returns the references of a pod in volumes, environments, pull secrets and Dapr's annotations, without those of ephemeral
/// containers.
pub(crate) fn of_pod(pod: &Pod) -> Needs {
    let mut found = Found::within(pod.metadata.namespace.as_deref());
    if let Some(spec) = &pod.spec {
        found.in_spec(spec);
    }
    for secret in dapr::secrets(pod) {
        found.add(ConfigObject::Secret, secret, Need::Required);
    }
    found.all
}

/// Returns the references of a pod's ephemeral containers, without containers that the host pod has already.
pub(crate) fn of_added_containers(guest: &Pod, host: Option<&Pod>) -> Needs {
    let mut found = Found::within(guest.metadata.namespace.as_deref());
    for container in added_containers(guest, host) {
        found.in_container(container.env.as_deref(), container.env_from.as_deref());
    }
    found.all
}

/// Returns the ephemeral containers of a pod, without those that the host pod has already.
pub(crate) fn added_containers<'a>(
    guest: &'a Pod,
    host: Option<&'a Pod>,
) -> impl Iterator<Item = &'a EphemeralContainer> {
    let of = |pod: &'a Pod| {
        let spec = pod.spec.iter();
        spec.flat_map(|spec| spec.ephemeral_containers.iter().flatten())
    };
    let is_there = move |name: &str| host.into_iter().flat_map(of).any(|there| there.name == name);
    of(guest).filter(move |container| !is_there(&container.name))
}

/// Returns the references of an exported object: the `name` of each `secretKeyRef`, at any depth, and those of the container that
/// Dapr adds to pods for a Component.
///
/// Dapr's operator reads the `secretKeyRef`s from the Secrets of the object's namespace, unless the object names another store
/// (<https://docs.dapr.io/operations/components/component-secrets/>).
pub(crate) fn of_exported(key: &Key, object: &Object) -> Needs {
    let mut found = Found::within(Some(&key.namespace));
    if let Some(container) = dapr::container(&object.metadata) {
        found.in_container(container.env.as_deref(), container.env_from.as_deref());
    }
    let fields = &object.fields;
    let mut elsewhere = None;
    for (name, raw) in &**fields {
        if name != "status" && raw.get().contains("secretKeyRef") {
            let elsewhere = *elsewhere.get_or_insert_with(|| has_another_store(fields));
            found.in_value(&serde_json::from_str(raw.get()).unwrap_or_default(), elsewhere);
        }
    }
    found.all
}

/// Returns true if another store than Kubernetes resolves the `secretKeyRef`s of an object.
fn has_another_store(fields: &Fields) -> bool {
    let auth: Option<Value> = fields
        .get("auth")
        .and_then(|raw| serde_json::from_str(raw.get()).ok());
    let store = (auth.as_ref()).and_then(|auth| auth.get("secretStore")?.as_str());
    !matches!(store, None | Some("" | "kubernetes"))
}

struct Found {
    namespace: String,
    all: Needs,
}

impl Found {
    fn within(namespace: Option<&str>) -> Self {
        Self {
            namespace: namespace.unwrap_or_default().to_owned(),
            all: Needs::new(),
        }
    }

    fn add(&mut self, payload: ConfigObject, name: &str, need: Need) {
        if !name.is_empty() {
            let key = Key::new(self.namespace.clone(), name);
            let known = self.all.entry((payload, key)).or_insert(need);
            *known = need.max(*known);
        }
    }

    fn in_spec(&mut self, spec: &PodSpec) {
        for secret in spec.image_pull_secrets.iter().flatten() {
            self.add(ConfigObject::Secret, &secret.name, Need::Optional);
        }
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            self.in_container(container.env.as_deref(), container.env_from.as_deref());
        }
        for volume in spec.volumes.iter().flatten() {
            self.in_volume(volume);
        }
    }

    fn in_volume(&mut self, volume: &Volume) {
        if let Some(source) = &volume.config_map {
            self.add(ConfigObject::ConfigMap, &source.name, Need::of(source.optional));
        }
        if let Some(source) = &volume.secret
            && let Some(name) = &source.secret_name
        {
            self.add(ConfigObject::Secret, name, Need::of(source.optional));
        }
        for name in driver_secrets(volume) {
            self.add(ConfigObject::Secret, name, Need::Required);
        }
        let projected = volume.projected.iter();
        for source in projected.flat_map(|source| source.sources.iter().flatten()) {
            if let Some(source) = &source.config_map {
                self.add(ConfigObject::ConfigMap, &source.name, Need::of(source.optional));
            }
            if let Some(source) = &source.secret {
                self.add(ConfigObject::Secret, &source.name, Need::of(source.optional));
            }
        }
    }

    fn in_container(&mut self, env: Option<&[EnvVar]>, env_from: Option<&[EnvFromSource]>) {
        let variables = env.into_iter().flatten();
        for source in variables.filter_map(|variable| variable.value_from.as_ref()) {
            if let Some(source) = &source.config_map_key_ref {
                self.add(ConfigObject::ConfigMap, &source.name, Need::of(source.optional));
            }
            if let Some(source) = &source.secret_key_ref {
                self.add(ConfigObject::Secret, &source.name, Need::of(source.optional));
            }
        }
        for source in env_from.into_iter().flatten() {
            if let Some(source) = &source.config_map_ref {
                self.add(ConfigObject::ConfigMap, &source.name, Need::of(source.optional));
            }
            if let Some(source) = &source.secret_ref {
                self.add(ConfigObject::Secret, &source.name, Need::of(source.optional));
            }
        }
    }

    fn in_value(&mut self, value: &Value, elsewhere: bool) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    if name == "secretKeyRef" {
                        self.in_selector(value, elsewhere);
                    }
                    self.in_value(value, elsewhere);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.in_value(value, elsewhere)),
            _ => {}
        }
    }

    fn in_selector(&mut self, selector: &Value, elsewhere: bool) {
        if let Some(secret) = selector.get("name").and_then(Value::as_str) {
            let need = if elsewhere {
                Need::Kept
            } else {
                Need::of(selector.get("optional").and_then(Value::as_bool))
            };
            self.add(ConfigObject::Secret, secret, need);
        }
    }
}

/// Returns the Secrets that a volume's driver reads to mount it.
fn driver_secrets(volume: &Volume) -> impl Iterator<Item = &String> {
    let csi = (volume.csi.as_ref()).and_then(|source| source.node_publish_secret_ref.as_ref());
    let flex = (volume.flex_volume.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let iscsi = (volume.iscsi.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let ceph = (volume.cephfs.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let rbd = (volume.rbd.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let scale_io = volume.scale_io.as_ref().map(|source| &source.secret_ref);
    let storage_os = (volume.storageos.as_ref()).and_then(|source| source.secret_ref.as_ref());
    let azure = volume.azure_file.as_ref().map(|source| &source.secret_name);
    let named = [csi, flex, iscsi, ceph, rbd, scale_io, storage_os];
    (named.into_iter().flatten())
        .map(|secret| &secret.name)
        .chain(azure)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn secret(name: &str) -> Reference {
        (ConfigObject::Secret, Key::new("default", name))
    }

    fn pod(annotations: &Value, spec: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "default", "annotations": annotations}, "spec": spec,
        }))
        .unwrap()
    }

    fn container(mut container: Value) -> Value {
        container["name"] = json!("app");
        json!({"containers": [container]})
    }

    fn volume(mut volume: Value) -> Value {
        volume["name"] = json!("volume");
        json!({"containers": [], "volumes": [volume]})
    }

    #[rstest]
    #[case::variable(container(json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]})))]
    #[case::all_variables(container(json!({"envFrom": [{"secretRef": {"name": "s"}}]})))]
    #[case::volume(volume(json!({"secret": {"secretName": "s"}})))]
    #[case::projected(volume(json!({"projected": {"sources": [{"secret": {"name": "s"}}]}})))]
    #[case::csi(volume(json!({"csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}})))]
    #[case::flex(volume(json!({"flexVolume": {"driver": "d", "secretRef": {"name": "s"}}})))]
    #[case::iscsi(volume(json!({"iscsi": {"targetPortal": "t", "iqn": "i", "lun": 0, "secretRef": {"name": "s"}}})))]
    #[case::ceph(volume(json!({"cephfs": {"monitors": ["m"], "secretRef": {"name": "s"}}})))]
    #[case::rbd(volume(json!({"rbd": {"monitors": ["m"], "image": "i", "secretRef": {"name": "s"}}})))]
    #[case::scale_io(volume(json!({"scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "s"}}})))]
    #[case::storage_os(volume(json!({"storageos": {"volumeName": "v", "secretRef": {"name": "s"}}})))]
    #[case::azure(volume(json!({"azureFile": {"shareName": "n", "secretName": "s"}})))]
    fn a_pod_does_not_work_without(#[case] spec: Value) {
        let needs = of_pod(&pod(&json!({}), &spec));
        assert_eq!(needs, Needs::from([(secret("s"), Need::Required)]));
    }

    #[rstest]
    #[case::pull_secret(json!({"containers": [], "imagePullSecrets": [{"name": "s"}]}))]
    #[case::variable(
        container(json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}]}))
    )]
    #[case::all_variables(container(json!({"envFrom": [{"secretRef": {"name": "s", "optional": true}}]})))]
    #[case::volume(volume(json!({"secret": {"secretName": "s", "optional": true}})))]
    #[case::projected(volume(json!({"projected": {"sources": [{"secret": {"name": "s", "optional": true}}]}})))]
    fn a_pod_does_without(#[case] spec: Value) {
        let needs = of_pod(&pod(&json!({}), &spec));
        assert_eq!(needs, Needs::from([(secret("s"), Need::Optional)]));
    }

    #[test]
    fn what_is_required_once_is_required() {
        let env = json!({"envFrom": [
            {"secretRef": {"name": "s"}},
            {"secretRef": {"name": "s", "optional": true}},
        ]});
        let needs = of_pod(&pod(&json!({}), &container(env)));
        assert_eq!(needs, Needs::from([(secret("s"), Need::Required)]));
    }

    #[test]
    fn containers_added_to_a_running_pod_are_looked_at_apart() {
        let guest: Pod = serde_json::from_value(json!({"metadata": {"namespace": "default"}, "spec": {
            "containers": [],
            "ephemeralContainers": [
                {"name": "first", "envFrom": [{"secretRef": {"name": "a"}}]},
                {"name": "second", "envFrom": [{"secretRef": {"name": "b"}}]},
            ],
        }}))
        .unwrap();
        let mut host = guest.clone();
        host.spec
            .as_mut()
            .unwrap()
            .ephemeral_containers
            .as_mut()
            .unwrap()
            .pop();
        assert_eq!(of_pod(&guest), Needs::new());
        assert_eq!(of_added_containers(&guest, None).len(), 2);
        assert_eq!(
            of_added_containers(&guest, Some(&host)),
            Needs::from([(secret("b"), Need::Required)])
        );
    }

    #[test]
    fn a_sidecar_reads_the_secrets_that_annotations_name() {
        let annotations = json!({
            "dapr.io/api-token-secret": "api",
            "dapr.io/app-token-secret": "app",
            "dapr.io/env-from-secret": "A=whole, B=one:key",
        });
        let needs = of_pod(&pod(&annotations, &json!({"containers": []})));
        let names = ["api", "app", "one", "whole"];
        assert_eq!(needs, names.map(|name| (secret(name), Need::Required)).into());
    }

    #[rstest]
    #[case::of_kubernetes(json!(null), Need::Required)]
    #[case::of_kubernetes_by_name(json!({"secretStore": "kubernetes"}), Need::Required)]
    #[case::of_another_store(json!({"secretStore": "vault"}), Need::Kept)]
    fn a_component_names_the_secrets_of_its_metadata(#[case] auth: Value, #[case] need: Need) {
        let spec = json!({"metadata": [
            {"name": "redisHost", "value": "redis:6379"},
            {"name": "redisPassword", "secretKeyRef": {"name": "redis", "key": "redis-password"}},
        ]});
        let object: Object = serde_json::from_value(json!({"auth": auth, "spec": spec})).unwrap();
        let found = of_exported(&Key::new("default", "store"), &object);
        assert_eq!(found, Needs::from([(secret("redis"), need)]));
    }

    #[test]
    fn a_component_names_what_the_container_reads_that_it_has_for_pods() {
        let container = json!({"image": "component:1", "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "two", "key": "k"}}},
        ], "envFrom": [{"secretRef": {"name": "three", "optional": true}}]});
        let annotations = json!({"dapr.io/component-container": container.to_string()});
        let object: Object =
            serde_json::from_value(json!({"metadata": {"annotations": annotations}})).unwrap();
        let expected = [
            (
                (ConfigObject::ConfigMap, Key::new("default", "two")),
                Need::Required,
            ),
            (secret("one"), Need::Required),
            (secret("three"), Need::Optional),
        ];
        assert_eq!(
            of_exported(&Key::new("default", "store"), &object),
            expected.into()
        );
    }
}
