//! Kubeconfigs.

use serde_json::json;

use super::Issued;

/// Returns a kubeconfig for one user of one cluster, as JSON, which is YAML too. It contains all certificates and keys.
#[must_use]
pub fn kubeconfig(cluster: &str, server: &str, ca: &str, user: &Issued) -> String {
    let encoded = |text: &str| json!(k8s_openapi::ByteString(text.as_bytes().to_vec()));
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": cluster,
            "cluster": {"server": server, "certificate-authority-data": encoded(ca)},
        }],
        "users": [{
            "name": cluster,
            "user": {
                "client-certificate-data": encoded(&user.certificate),
                "client-key-data": encoded(&user.key),
            },
        }],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    });
    format!("{config:#}\n")
}
