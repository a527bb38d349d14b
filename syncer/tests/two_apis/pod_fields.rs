//! The fields of a pod in the Kubernetes in use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use http::Method;
use serde_json::Value;

use crate::rig::Tenant;

/// A field that Kubernetes has and the list does not is dropped from pods, or passed on without a review.
#[tokio::test]
async fn every_field_of_a_pod_is_in_the_documented_list() {
    let tenant = Tenant::shared().await;
    let guest = tenant.guest().await;
    let answer = guest.ask(Method::GET, "/openapi/v3/api/v1", "", None).await;
    let openapi = answer.expect("an API server has it");
    let schemas = Schemas(&openapi["components"]["schemas"]);
    let mut served = BTreeSet::new();
    for part in ["metadata", "spec"] {
        let pod = &schemas.0["io.k8s.api.core.v1.Pod"]["properties"][part];
        schemas.fields(pod, part, &mut served);
    }
    assert!(served.contains("spec.nodeName"), "{served:?}");
    let documented = documented();
    let unknown: Vec<_> = served.difference(&documented).collect();
    assert!(
        unknown.is_empty(),
        "decide what becomes of these fields, and add them to syncer/src/sync/pods/translate/every: {unknown:#?}"
    );
    // An older Kubernetes lacks some.
    let version = guest.ask(Method::GET, "/version", "", None).await;
    if version.expect("an API server has one")["minor"] == "36" {
        let gone: Vec<_> = documented.difference(&served).collect();
        assert!(gone.is_empty(), "Kubernetes has no such fields: {gone:#?}");
    }
}

/// The schemas of an API.
struct Schemas<'a>(&'a Value);

impl Schemas<'_> {
    /// Adds the paths of all leaf fields below one.
    fn fields(&self, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        let schema = self.resolved(schema);
        if let Some(fields) = schema["properties"].as_object() {
            for (field, schema) in fields {
                self.fields(schema, &format!("{path}.{field}"), found);
            }
        } else if self.resolved(&schema["items"])["properties"].is_object() {
            let items = match path {
                "spec.initContainers" | "spec.containers" | "spec.ephemeralContainers" => "*".to_owned(),
                list => format!("{list}[*]"),
            };
            self.fields(&schema["items"], &items, found);
        } else {
            found.insert(path.to_owned());
        }
    }

    /// Follows references to other schemas.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = schema["allOf"].get(0).unwrap_or(schema);
        match schema["$ref"].as_str() {
            Some(name) => &self.0[name.rsplit('/').next().expect("it has a name")],
            None => schema,
        }
    }
}

/// Reads the paths of the list.
fn documented() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pod-fields.md");
    let text = fs::read_to_string(path).expect("it is in the repository");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let paths = rows.flat_map(|(below, row)| {
        let fields = row.split(" | ").next().unwrap_or_default().split(", ");
        fields.map(move |field| format!("{below}.{field}"))
    });
    paths.collect()
}
