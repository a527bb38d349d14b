//! `kubeconfig`.

use std::io;

use super::Context;
use crate::arguments::Kubeconfig;
use crate::{Exit, Failure, output};

/// Prints the kubeconfig of a tenant, or of the host cluster.
pub(super) fn print(context: &Context, wanted: &Kubeconfig) -> Result<Exit, Failure> {
    let attached = context.attached()?;
    let path = match &wanted.tenant {
        None => &attached.kubeconfig,
        Some(tenant) => &context.tenant(&attached, tenant)?.kubeconfig,
    };
    if context.is_json() && wanted.path {
        output::json(&serde_json::json!({ "path": path }))?;
    } else if wanted.path {
        output::text(&format!("{}\n", path.display()))?;
    } else {
        let content = std::fs::read_to_string(path).map_err(|source| Failure::Read {
            path: path.clone(),
            source,
        })?;
        if context.is_json() {
            output::json(&as_json(&content).map_err(|error| Failure::Read {
                path: path.clone(),
                source: io::Error::other(error),
            })?)?;
        } else {
            output::text(&content)?;
        }
    }
    Ok(Exit::Passed)
}

/// Returns a kubeconfig as JSON, which kubectl takes too.
fn as_json(content: &str) -> Result<serde_json::Value, serde_saphyr::Error> {
    serde_saphyr::from_str(content)
}
