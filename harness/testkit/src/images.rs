//! Images for tests that run containers.

use provision::binaries;
use provision::events::Events;
use provision::images::{Error, Images, build};
use provision::pins::{ImagePin, pins};
use provision::places::Places;

/// Returns the archives of the images of these short names, from the user's cache.
///
/// It is for tests that run real containers: nothing has to be up, and a first run builds the missing images.
pub async fn images(wanted: &[&str]) -> Result<Images, Error> {
    let programs: Vec<&str> = wanted
        .iter()
        .filter_map(|short| pins().images.get(*short))
        .flat_map(|pin| pin.files.keys().map(String::as_str))
        .collect();
    let binaries = crate::binaries(&programs).await?;
    // Writing archives takes a moment, of which nobody needs to hear.
    let (events, _unheard) = Events::channel();
    let is_wanted = |short: &str, _: &ImagePin| wanted.contains(&short);
    let places = Places::from_environment().map_err(binaries::Error::from)?;
    build(is_wanted, &binaries, &places.cache, &events).await
}
