//! Helm on the syncer's chart.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use k8s_openapi::ByteString;
use serde_json::Value;

const SYNCER: &str = env!("CARGO_MANIFEST_DIR");

/// Objects that the chart renders from a values file.
pub(crate) struct Rendered {
    /// All objects but the Secret with the values, without the hash of that Secret.
    pub(crate) objects: Vec<Value>,
    /// The values that the syncer gets.
    pub(crate) values: String,
}

impl Rendered {
    /// Returns the only object of a kind.
    pub(crate) fn object(&self, kind: &str) -> &Value {
        let mut objects = self.objects.iter().filter(|object| object["kind"] == kind);
        objects.next().expect("it is made")
    }

    /// Returns the object of a kind and a name.
    pub(crate) fn named(&self, kind: &str, name: &str) -> &Value {
        let is = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        self.objects.iter().find(is).expect("it is made")
    }
}

/// Returns a values file of the syncer's.
pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(path_of(name)).expect("it is there")
}

/// Renders the chart with a values file.
pub(crate) async fn template(name: &str) -> Rendered {
    let output = helm(&["template", "team-a"], &path_of(name)).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text(&output.stdout)).expect("it is YAML");
    objects.retain(|object| !object.is_null());
    let at = objects
        .iter()
        .position(|object| object["metadata"]["name"] == "vc-config-team-a");
    let secret = objects.remove(at.expect("it is made"));
    let values: ByteString =
        serde_json::from_value(secret["data"]["values.yaml"].clone()).expect("it is encoded");
    for object in &mut objects {
        if let Some(annotations) = object.pointer_mut("/spec/template/metadata/annotations") {
            annotations["virtual-cluster/values"] = Value::Null;
        }
        if let Some(pod) = object.pointer_mut("/metadata/annotations/virtual-cluster~1pod") {
            *pod = Value::Null;
        }
    }
    Rendered {
        objects,
        values: text(&values.0),
    }
}

/// Has Helm lint the chart with a values file.
pub(crate) async fn lint(name: &str) {
    let output = helm(&["lint", "--strict"], &path_of(name)).await;
    assert!(output.status.success(), "{}", text(&output.stdout));
}

/// Returns Helm's message about values that it refuses.
pub(crate) async fn refused(values: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(values.as_bytes()).expect("it is ours");
    let output = helm(&["template", "team-a"], file.path()).await;
    assert!(!output.status.success(), "{}", text(&output.stdout));
    text(&output.stderr)
}

async fn helm(command: &[&str], values: &Path) -> Output {
    let programs = testkit::binaries(&["helm"]).await.expect("Helm can be had");
    Command::new(programs.program("helm").expect("it was asked for"))
        .args(command)
        .arg(Path::new(SYNCER).join("chart"))
        .args([
            "--namespace",
            "vcluster-team-a",
            "--kube-version",
            "1.33",
            "--values",
        ])
        .arg(values)
        .output()
        .expect("it is a program")
}

fn path_of(name: &str) -> PathBuf {
    Path::new(SYNCER).join("fixtures/values").join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
