//! `kubeconfig`.

use super::Context;
use crate::cli::arguments::Kubeconfig;
use crate::cli::{Exit, Failure, output};

/// Prints the kubeconfig of a tenant, or of the host cluster.
pub(super) fn print(context: &Context, wanted: &Kubeconfig) -> Result<Exit, Failure> {
    let attached = context.attached()?;
    let path = match &wanted.tenant {
        None => &attached.kubeconfig,
        Some(tenant) => &context.tenant(&attached, tenant)?.kubeconfig,
    };
    if wanted.path {
        output::text(&format!("{}\n", path.display()))?;
    } else {
        let content = std::fs::read_to_string(path).map_err(|source| Failure::Read {
            path: path.clone(),
            source,
        })?;
        output::text(&content)?;
    }
    Ok(Exit::Passed)
}
