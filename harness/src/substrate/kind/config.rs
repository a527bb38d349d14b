//! The configuration of the kind cluster: `kind-config.yaml`, with this run's own settings.

use serde_json::{Value, json};

use super::{Error, Nodes};

/// The file that is for use by hand too.
const FILE: &str = include_str!("../../../../kind-config.yaml");

/// Renders the configuration, as JSON, which is YAML too.
pub(super) fn render(nodes: &Nodes) -> Result<String, Error> {
    let mut config: Value = serde_saphyr::from_str(FILE).map_err(|error| Error::Config(error.to_string()))?;
    let mappings = config["nodes"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(|node| node["extraPortMappings"].as_array_mut())
        .flatten();
    for mapping in mappings {
        // Without one, kind takes a port that is free: environments live side by side.
        if let Some(mapping) = mapping.as_object_mut() {
            mapping.remove("hostPort");
        }
    }
    if let Nodes::Made(image) = nodes {
        // kubeadm would ask for those that its own release was tested with.
        let has = json!({
            "kind": "ClusterConfiguration",
            "dns": {"imageTag": image.dns_tag},
            "etcd": {"local": {"imageTag": image.etcd_tag}},
        });
        if let Some(patches) = config["kubeadmConfigPatches"].as_array_mut() {
            patches.push(has.to_string().into());
        }
        config["networking"] = json!({"ipFamily": "ipv4"});
    }
    serde_json::to_string_pretty(&config).map_err(|error| Error::Config(error.to_string()))
}

#[cfg(test)]
mod tests {
    use provision::images::node_image::NodeImage;

    use super::*;

    fn read(nodes: &Nodes) -> Value {
        serde_json::from_str(&render(nodes).unwrap()).unwrap()
    }

    #[test]
    fn a_run_takes_no_fixed_port_of_the_machine() {
        let config = read(&Nodes::Pulled("kindest/node:v1@sha256:0".into()));
        let mapping = &config["nodes"][0]["extraPortMappings"][0];
        assert_eq!(
            *mapping,
            json!({"containerPort": 30080, "listenAddress": "127.0.0.1"})
        );
        assert_eq!(config["nodes"].as_array().unwrap().len(), 3);
        assert_eq!(config["networking"], Value::Null);
    }

    #[test]
    fn nodes_of_our_own_say_which_images_they_have() {
        let made = NodeImage {
            tar: "/node.tar".into(),
            version: "1.36.3".into(),
            dns_tag: "v1.11.3".into(),
            etcd_tag: "3.6.8-0".into(),
        };
        let config = read(&Nodes::Made(made));
        let patches = config["kubeadmConfigPatches"].as_array().unwrap();
        let patch: Value = serde_json::from_str(patches.last().unwrap().as_str().unwrap()).unwrap();
        assert_eq!(patch["dns"]["imageTag"], "v1.11.3");
        assert_eq!(patch["etcd"]["local"]["imageTag"], "3.6.8-0");
    }
}
