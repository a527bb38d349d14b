//! `binaries`: the long part of a first run, in advance.

use harness::environment::{self, Recipe};

use super::Context;
use crate::arguments::Prepare;
use crate::{Exit, Failure, interrupt, output};

/// Has all binaries and images in the cache.
pub(super) async fn prepare(context: &Context, wanted: &Prepare) -> Result<Exit, Failure> {
    wanted.binaries.options().check().map_err(Failure::Option)?;
    let cancel = interrupt::listen(context.name())?;
    let Prepare {
        substrate,
        images,
        registry,
        binaries,
    } = wanted;
    context
        .showing(async |events| {
            let substrate = substrate.decide(super::docker_decides(*substrate).await);
            let recipe = Recipe::of(substrate, *images, registry.clone()).await;
            let options = binaries.options();
            let prepared = environment::prepare(&recipe, &options, &context.places, events);
            let done = cancel.run_until_cancelled(prepared).await;
            Ok(done.ok_or(Failure::Interrupted)??)
        })
        .await?;
    if context.is_json() {
        output::json(&serde_json::json!({ "cache": context.places.cache }))?;
    } else {
        output::text(&format!(
            "All binaries and images are in {}.\n",
            context.places.cache.display()
        ))?;
    }
    Ok(Exit::Passed)
}
