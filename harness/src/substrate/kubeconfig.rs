//! A kubeconfig of one cluster and one user.

use serde_json::json;

/// The credentials with which a user and an API server prove their identity to each other; all PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The authority that signed the API server's certificate.
    pub authority: String,
    /// The user's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The address of an API server, and the credentials for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Its URL.
    pub server: String,
    /// The user's credentials.
    pub credentials: Credentials,
}

impl Kubeconfig {
    /// Returns the file's content: JSON, which is YAML too.
    #[must_use]
    pub fn render(&self) -> String {
        let encode =
            |text: &str| serde_json::to_value(k8s_openapi::ByteString(text.into())).unwrap_or_default();
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "cluster", "cluster": {
                "server": self.server,
                "certificate-authority-data": encode(&self.credentials.authority),
            }}],
            "users": [{ "name": "user", "user": {
                "client-certificate-data": encode(&self.credentials.certificate),
                "client-key-data": encode(&self.credentials.key),
            }}],
            "contexts": [{ "name": "context", "context": { "cluster": "cluster", "user": "user" } }],
            "current-context": "context",
        });
        format!("{config:#}\n")
    }
}
