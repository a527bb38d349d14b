//! The tenants' values file for vcluster's chart. The syncer's reader converts it to the chart's dialect, and the
//! values that the environment decides are added.

use serde_json::{Value, json};
use vcluster_values::{self as values, Carried, Dialect, Error, Problem, What};

use super::Images;

/// The keys that the environment decides, in that dialect. A file that sets one of them is refused.
const DECIDED: [&str; 7] = [
    "controlPlane.statefulSet.image",
    "controlPlane.backingStore.etcd.deploy.statefulSet.image",
    "controlPlane.distro.k8s.apiServer.image",
    "controlPlane.distro.k8s.apiServer.imagePullPolicy",
    "controlPlane.distro.k8s.controllerManager.image",
    "controlPlane.distro.k8s.controllerManager.imagePullPolicy",
    "defaults",
];

/// Translates a values file in any dialect. Messages call it `origin`.
///
/// # Errors
///
/// Returns the errors of [`values::convert`], and an error for every key that the environment decides.
pub fn translate(text: &str, origin: &str, images: &Images) -> Result<String, Error> {
    let failed = |problems| Error {
        origin: origin.to_owned(),
        problems,
    };
    let converted = values::convert(text, origin, None, Dialect::V0_20)?;
    let decided =
        (converted.carried.iter()).filter(|carried| DECIDED.iter().any(|key| is_within(&carried.to, key)));
    let problems: Vec<Problem> = decided.map(not_taken).collect();
    if !problems.is_empty() {
        return Err(failed(problems));
    }
    let mut chart = unless_said();
    values::lay_over(&mut chart, converted.values);
    values::lay_over(&mut chart, always(images));
    let dns = &mut chart["controlPlane"]["coredns"]["deployment"]["image"];
    if dns.is_null() {
        *dns = images.coredns.clone().into();
    }
    serde_saphyr::to_string(&chart).map_err(|error| {
        let what = What::Malformed(error.to_string());
        failed(vec![Problem { line: 0, what }])
    })
}

fn is_within(key: &str, above: &str) -> bool {
    key.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn not_taken(carried: &Carried) -> Problem {
    Problem {
        line: carried.line,
        what: What::NotDone {
            key: carried.key.clone(),
            why: "the environment sets what real vcluster's control plane runs: remove the key".to_owned(),
        },
    }
}

/// Returns the defaults for keys that the file does not set: nothing that needs a `StorageClass`, and values that fit
/// a small machine.
fn unless_said() -> Value {
    let no_claim = json!({ "volumeClaim": { "enabled": false } });
    json!({
        "controlPlane": {
            "backingStore": { "etcd": { "deploy": { "statefulSet": { "persistence": no_claim } } } },
            "coredns": { "enabled": true },
            "statefulSet": {
                "persistence": no_claim,
                // What it asks for by default, 200m, is more than two cores have for a handful of tenants.
                "resources": { "requests": { "cpu": "20m", "memory": "256Mi" } },
            },
        },
    })
}

/// Returns the values that hold whatever the file sets: the control plane as the embedded one is, and an etcd of its
/// own with it.
fn always(images: &Images) -> Value {
    json!({
        "controlPlane": {
            "backingStore": { "etcd": { "deploy": {
                "enabled": true,
                "statefulSet": { "image": parts(&images.etcd) },
            } } },
            "distro": { "k8s": { "enabled": true, "image": parts(&images.kubernetes) } },
            "statefulSet": { "image": parts(&images.vcluster) },
        },
        // It copies the Secrets that pods name and, unlike the embedded one, not those that exported objects name: a
        // Component's own among them. With this it copies all.
        "sync": { "toHost": { "secrets": { "all": true } } },
        // Nothing is to be told to anybody outside.
        "telemetry": { "enabled": false },
    })
}

/// Returns an image's name in three parts, as the chart takes it.
fn parts(image: &str) -> Value {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let (registry, repository) = name.split_once('/').unwrap_or(("docker.io", name));
    json!({ "registry": registry, "repository": repository, "tag": tag })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
        insta::assert_snapshot!(
            translate(provision::values::BLOG, "values.yaml", &images()).expect("it is fine")
        );
    }

    #[test]
    fn images_are_those_of_a_registry_that_all_are_pushed_to() {
        let images = Images::of(provision::pins::Kubernetes::V1_33, Some("127.0.0.1:5000/team"));
        assert_eq!(
            always(&images)["controlPlane"]["statefulSet"]["image"],
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
    }

    #[rstest]
    #[case::decided(
        "multiNamespaceMode: {enabled: true}\napi:\n  image: r/kube-apiserver:v1\n",
        "values.yaml:3: `api.image`: the environment sets what real vcluster's control plane runs: remove the key"
    )]
    #[case::not_said_there(
        "multiNamespaceMode: {enabled: true}\nsyncer:\n  logLevel: debug\n",
        "values.yaml:3: `syncer.logLevel` cannot be said in the dialect of vcluster 0.20 to 0.25: it has no key for this; this project's chart takes `defaults.syncer.logLevel` with it"
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
    fn what_the_file_says_holds() {
        let text = "multiNamespaceMode: {enabled: true}\nenableHA: false\netcd: {storage: {persistence: true}}\nsync: {ingresses: {enabled: true}}\n";
        let chart = translate(text, "values.yaml", &images()).expect("it is fine");
        let chart: Value = serde_saphyr::from_str(&chart).expect("it is YAML");
        let claim = "/controlPlane/backingStore/etcd/deploy/statefulSet/persistence/volumeClaim/enabled";
        assert_eq!(chart.pointer(claim), Some(&true.into()));
        assert_eq!(chart["sync"]["toHost"]["ingresses"]["enabled"], true);
    }

    #[test]
    fn a_file_of_its_own_dialect_is_taken() {
        let text = "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane: {statefulSet: {image: {repository: loft-sh/vcluster-oss}}}\n";
        let chart = translate(text, "values.yaml", &images()).expect("the image is not another thing");
        assert!(chart.contains("0.25.2"), "{chart}");
    }
}
