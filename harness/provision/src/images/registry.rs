//! Registries: the check that the public ones answer, and a user's own that images are pushed to.

use std::time::Duration;

use tokio::sync::OnceCell;

use super::{Error, Images, STAGE};
use crate::binaries::Binaries;
use crate::command::Command;
use crate::events::Events;

/// The registry that has most of a run's images. Any answer is enough, even a refusal.
const PUBLIC: &str = "https://registry.k8s.io/v2/";

/// The time limit of the check. A registry that answers does so within a second.
const ANSWER: Duration = Duration::from_secs(5);

/// Returns true if images can be pulled from the registries that publish them. It asks once, so that a whole run uses
/// one answer.
pub async fn answers() -> bool {
    static ANSWERS: OnceCell<bool> = OnceCell::const_new();
    let ask = || async {
        let client = reqwest::Client::builder().timeout(ANSWER).build();
        match client {
            Ok(client) => client.get(PUBLIC).send().await.is_ok(),
            Err(_) => false,
        }
    };
    *ANSWERS.get_or_init(ask).await
}

/// Returns an image's name in a registry that all images are pushed to: its own, with the registry's prefix before
/// it.
#[must_use]
pub fn name_in(registry: Option<&str>, name: &str) -> String {
    registry.map_or_else(|| name.to_owned(), |registry| format!("{registry}/{name}"))
}

/// Pushes images. What the registry has already costs a question.
pub async fn push(
    images: &Images,
    registry: &str,
    binaries: &Binaries,
    events: &Events,
) -> Result<(), Error> {
    let crane = binaries.program("crane")?;
    for (done, archive) in images.archives.iter().enumerate() {
        let name = name_in(Some(registry), &archive.name);
        let of = images.archives.len();
        events.progress(STAGE, format!("pushing {name} ({} of {of})", done + 1));
        let push = Command::new(crane).arg("push").arg(&archive.path).arg(&name);
        push.run().await.map_err(|source| Error::Push { name, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_registry_of_ones_own_keeps_where_the_image_is_from() {
        let name = "registry.k8s.io/pause:3.10.1";
        assert_eq!(name_in(None, name), name);
        assert_eq!(
            name_in(Some("registry.example.com/team"), name),
            "registry.example.com/team/registry.k8s.io/pause:3.10.1"
        );
    }
}
