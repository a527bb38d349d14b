//! The tenants' values file in the dialect that vcluster's chart has since 0.20.
//!
//! The rules are written by hand: upstream's own converter drops `extraRules`, and without them the syncer may not
//! read the kinds that it is to export. What has no rule here is refused by name, never dropped.

use serde_json::{Value, json};
use syncer::values::{self, Asked, Error, Problem, What};

use super::Images;

/// The keys that are translated, and those that ask for what vcluster 0.25 does anyway; each with all below it.
const TRANSLATED: [&str; 17] = [
    "fallbackHostDns",
    "multiNamespaceMode.enabled",
    "sync.generic",
    "coredns.enabled",
    "coredns.image",
    "coredns.replicas",
    "coredns.resources",
    "sync.pods.enabled",
    "sync.services.enabled",
    "sync.configmaps.enabled",
    "sync.configmaps.all",
    "sync.secrets.enabled",
    "sync.secrets.all",
    "sync.endpoints.enabled",
    "sync.events.enabled",
    "sync.fake-nodes.enabled",
    "telemetry.disabled",
];

/// Translates a values file in the dialect of vcluster 0.15; `origin` is what messages call it.
///
/// # Errors
///
/// Everything in it that [`values::parse`] refuses, and every key that asks for something and has no translation.
pub fn translate(text: &str, origin: &str, images: &Images) -> Result<String, Error> {
    let read = values::parse(text, origin)?;
    let asked = values::asked(text, origin)?;
    let problems: Vec<Problem> = asked
        .iter()
        .filter(|asked| !is_translated(asked))
        .map(untold)
        .collect();
    if !problems.is_empty() {
        return Err(Error {
            origin: origin.to_owned(),
            problems,
        });
    }
    let said = |key: &str| asked.iter().any(|asked| is_within(&asked.key, key));
    let mut chart = json!({
        "controlPlane": control_plane(images),
        "sync": { "toHost": {
            "configMaps": { "enabled": true, "all": said("sync.configmaps.all") },
            // It copies the Secrets that pods name and, unlike the embedded one, not those that exported objects name: a
            // Component's own among them. With this it copies all.
            "secrets": { "enabled": true, "all": true },
        } },
        "networking": { "advanced": { "fallbackHostCluster": read.fallback_host_dns } },
        "experimental": {
            "multiNamespaceMode": { "enabled": true },
            "genericSync": generic_sync(&read.sync.generic),
        },
        // Nothing is to be told to anybody outside.
        "telemetry": { "enabled": false },
    });
    let dns = &mut chart["controlPlane"]["coredns"];
    dns["enabled"] = read.coredns.enabled.into();
    if said("coredns.image") {
        dns["deployment"]["image"] = read.coredns.image.clone().into();
    }
    if said("coredns.replicas") {
        dns["deployment"]["replicas"] = read.coredns.replicas.into();
    }
    if said("coredns.resources") {
        dns["deployment"]["resources"] = read.coredns.resources.clone();
    }
    serde_saphyr::to_string(&chart).map_err(|error| Error {
        origin: origin.to_owned(),
        problems: vec![Problem {
            line: 0,
            what: What::Malformed(error.to_string()),
        }],
    })
}

fn is_translated(asked: &Asked) -> bool {
    TRANSLATED.iter().any(|key| is_within(&asked.key, key))
}

fn is_within(key: &str, above: &str) -> bool {
    key.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn untold(asked: &Asked) -> Problem {
    Problem {
        line: asked.line,
        what: What::NotDone {
            key: asked.key.clone(),
            why: "there is no translation of it for vcluster 0.25".to_owned(),
        },
    }
}

/// The control plane as the embedded one is where vcluster leaves the choice: an etcd of its own, and nothing that needs
/// a `StorageClass`.
fn control_plane(images: &Images) -> Value {
    let no_claim = json!({ "volumeClaim": { "enabled": false } });
    json!({
        "backingStore": { "etcd": { "deploy": {
            "enabled": true,
            "statefulSet": { "image": parts(&images.etcd), "persistence": no_claim },
        } } },
        "distro": { "k8s": { "enabled": true, "image": parts(&images.kubernetes) } },
        "coredns": { "enabled": true, "deployment": { "image": images.coredns } },
        "statefulSet": {
            "image": parts(&images.vcluster),
            "persistence": no_claim,
            // What it asks for by default, 200m, is more than two cores have for a handful of tenants.
            "resources": { "requests": { "cpu": "20m", "memory": "256Mi" } },
        },
    })
}

/// An image's name as the chart takes it, in three parts.
fn parts(image: &str) -> Value {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let (registry, repository) = name.split_once('/').unwrap_or(("docker.io", name));
    json!({ "registry": registry, "repository": repository, "tag": tag })
}

/// What was YAML within a string is a part of the file now; the rules for roles keep their form.
fn generic_sync(generic: &values::GenericSync) -> Value {
    let values::GenericSync {
        cluster_role,
        role,
        kinds,
    } = generic;
    let mut translated = json!({ "version": "v1beta1", "export": kinds.export, "import": kinds.import });
    for (name, role) in [("clusterRole", cluster_role), ("role", role)] {
        if !role.extra_rules.is_empty() {
            translated[name] = json!({ "extraRules": role.extra_rules });
        }
    }
    translated
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tenants::BLOG_VALUES;

    fn images() -> Images {
        Images {
            vcluster: "ghcr.io/loft-sh/vcluster-oss:0.25.2".to_owned(),
            kubernetes: "ghcr.io/loft-sh/kubernetes:v1.33.13".to_owned(),
            etcd: "registry.k8s.io/etcd:3.6.8-0".to_owned(),
            coredns: "registry.k8s.io/coredns/coredns:v1.11.3".to_owned(),
        }
    }

    #[test]
    fn the_blogs_file_keeps_its_kinds_and_its_rules() {
        insta::assert_snapshot!(translate(BLOG_VALUES, "values.yaml", &images()).expect("it is fine"));
    }

    #[test]
    fn images_are_those_of_a_registry_that_all_are_pushed_to() {
        let images = Images::of(crate::plan::Kubernetes::V1_33, Some("127.0.0.1:5000/team"));
        assert_eq!(
            control_plane(&images)["statefulSet"]["image"],
            json!({
                "registry": "127.0.0.1:5000", "repository": "team/ghcr.io/loft-sh/vcluster-oss", "tag": "0.25.2",
            })
        );
    }

    #[test]
    fn what_is_said_of_dns_is_kept() {
        let text = "multiNamespaceMode: {enabled: true}\ncoredns: {replicas: 2, image: 'r/dns:1', resources: {requests: {cpu: 5m}}}\n";
        let chart = translate(text, "values.yaml", &images()).expect("it is fine");
        let chart: Value = serde_saphyr::from_str(&chart).expect("it is YAML");
        assert_eq!(
            chart["controlPlane"]["coredns"],
            json!({"enabled": true, "deployment": {
                "image": "r/dns:1", "replicas": 2, "resources": {"requests": {"cpu": "5m"}},
            }})
        );
        assert_eq!(chart["networking"]["advanced"]["fallbackHostCluster"], false);
    }

    #[rstest]
    #[case::not_translated(
        "multiNamespaceMode: {enabled: true}\netcd:\n  storage:\n    persistence: true\n",
        "values.yaml:4: `etcd.storage.persistence`: there is no translation of it for vcluster 0.25"
    )]
    #[case::not_known(
        "multiNamespaceMode: {enabled: true}\nfalbackHostDns: true\n",
        "values.yaml:2: unknown key `falbackHostDns`; the nearest known is `fallbackHostDns`"
    )]
    fn what_would_be_lost_is_refused(#[case] text: &str, #[case] told: &str) {
        let error = translate(text, "values.yaml", &images()).expect_err("it cannot be done");
        assert_eq!(
            error.to_string(),
            format!("use the values in values.yaml\n  {told}")
        );
    }

    #[test]
    fn what_is_off_or_as_ever_needs_no_translation() {
        let text = "multiNamespaceMode: {enabled: true}\nenableHA: false\nsync:\n  pods: {enabled: true}\n  ingresses: {enabled: false}\n";
        let chart = translate(text, "values.yaml", &images()).expect("it asks for nothing more");
        assert!(!chart.contains("ingresses"), "{chart}");
    }
}
