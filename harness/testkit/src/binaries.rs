//! Programs for tests that run them.

use std::io::Write;

use provision::binaries::{Binaries, Error, Options, Wanted, ensure};
use provision::events::{Event, Events};
use provision::places::Places;

/// Ensures that the named programs are in the user's cache, and reports builds on stderr.
///
/// It is for tests that run real programs: nothing has to be up, and a first run builds the missing programs.
pub async fn binaries(names: &[&str]) -> Result<Binaries, Error> {
    let (events, mut told) = Events::channel();
    let telling = async move {
        let mut said = String::new();
        while let Some(stamped) = told.recv().await {
            let Event::Progress {
                stage,
                what,
                done,
                total,
                ..
            } = stamped.event
            else {
                continue;
            };
            let line = match (done, total) {
                // A line a hundred parts is enough where nobody may be looking.
                (Some(done), Some(total)) => format!("{stage}: {} of {total}", done / 100 * 100),
                _ => format!("{stage}: {what}"),
            };
            if line != said {
                // libtest captures what the print macros write; a build of minutes must not look like a hang.
                let _nobody_listens = writeln!(std::io::stderr(), "{line}");
                said = line;
            }
        }
    };
    let wanted = Wanted::these(names.iter().copied());
    let making = async move {
        let cache = Places::from_environment()?.cache;
        ensure(&cache, &wanted, &Options::default(), &events).await
    };
    futures::join!(making, telling).0
}
