//! Removing the objects that an environment's ledger owns.

use std::path::Path;

use provision::places::Places;

use super::Error;
use crate::ledger::{Entry, Ledger};
use crate::substrate::{self, existing, forwarder, kind};

/// Removes all of them, the last created first, and returns the objects that are left all the same, one per line. The
/// ledger is closed when it owns nothing any more.
pub async fn remove(ledger: Ledger, places: &Places, name: &str) -> Result<Vec<String>, Error> {
    let entries = ledger.entries()?;
    let mut left = Vec::new();
    for entry in entries.iter().rev() {
        left.extend(end(entry, places).await?);
    }
    ledger.close()?;
    let folder = places.environment(name);
    left.extend(sandbox::teardown::left_behind(name, &folder).map_err(unseen(&folder))?);
    Ok(left)
}

/// Removes one entry, and returns the objects that are left of it.
async fn end(entry: &Entry, places: &Places) -> Result<Vec<String>, Error> {
    match entry {
        // What is left of it is looked for in the end: the folder is in it.
        Entry::Sandbox { environment, folder } => {
            sandbox::teardown::end(environment, folder).await?;
            Ok(Vec::new())
        }
        Entry::Kind { environment, docker } => {
            let failed = |error: kind::Error| substrate::Error::from(error);
            kind::teardown::end(environment, docker, &places.state)
                .await
                .map_err(failed)?;
            kind::teardown::left_behind(environment, docker, &places.state)
                .await
                .map_err(|error| failed(error).into())
        }
        Entry::Forwarder { folder } => {
            forwarder::end(folder).await.map_err(unseen(folder))?;
            Ok(Vec::new())
        }
        Entry::Added { kubeconfig, run } => {
            let failed = |error: existing::Error| substrate::Error::from(error);
            existing::teardown::end(kubeconfig, run).await.map_err(failed)?;
            Ok(existing::teardown::left_behind(kubeconfig, run)
                .await
                .map_err(failed)?)
        }
    }
}

fn unseen(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        what: "look for what is left of",
        path,
        source,
    }
}
