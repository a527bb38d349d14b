//! `compare`.

use std::path::Path;

use harness::compare::{self, LEFT, Planned, RIGHT, text};

use super::{Context, absolute};
use crate::arguments::Compare;
use crate::{Exit, Failure, interrupt, output};

/// The default prefix of the names of both environments, so that neither is the one in use.
const NAME: &str = "compare";

/// Compares two kinds of virtual cluster.
pub(super) async fn run(context: &Context, wanted: &Compare) -> Result<Exit, Failure> {
    let context = context.named_or(NAME);
    let folder = match &wanted.report_dir {
        Some(folder) => absolute(folder)?,
        None => absolute(&Path::new("target").join(context.name()))?,
    };
    // Both are planned before one is made.
    let left = planned(&context, wanted, LEFT, &folder).await?;
    let right = planned(&context, wanted, RIGHT, &folder).await?;
    let cancel = interrupt::listen(context.name())?;
    let ended = compare::both(left, right, &folder, &context.places, context.console(), &cancel).await?;
    // Printed first: what took an hour is not to be lost to a disk that is full.
    if context.is_json() {
        output::json(&ended.comparison)?;
    } else {
        let text = text::render(&ended.comparison);
        output::text(&format!("{text}\nReports: {}\n", ended.folder.display()))?;
    }
    ended.write()?;
    Ok(if ended.comparison.is_bad() {
        Exit::Failed
    } else if ended.left_behind {
        Exit::LeftBehind
    } else {
        Exit::Passed
    })
}

/// Plans one side, and takes its environment.
async fn planned(context: &Context, wanted: &Compare, side: &str, folder: &Path) -> Result<Planned, Failure> {
    let virtual_cluster = match side {
        LEFT => wanted.left,
        _ => wanted.right,
    };
    let mut context = context.clone();
    context.common.name = Some(format!("{}-{side}", context.name()));
    let wanted = wanted.both.wanted(virtual_cluster, folder.join(side));
    let plan = context.plan(&wanted, None).await?;
    let options = wanted.basis.binaries.options();
    Ok(Planned::claim(plan, options, &context.places)?)
}
