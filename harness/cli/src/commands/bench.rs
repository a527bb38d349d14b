//! `bench`.

use harness::bench::subject::Source;
use harness::bench::{self, Measured, memory, sync, text, up};
use harness::environment::{self, Attached};
use harness::run::Setting;
use provision::events::Events;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::arguments::{Bench, BenchMemory, BenchSync, BenchUp, Benchmark, Own};
use crate::{Exit, Failure, interrupt, output};

/// The name of the environment that is brought up to see how long it takes, so that it is not the one in use.
const NAME: &str = "bench";

/// Measures.
pub(super) async fn run(context: &Context, wanted: &Bench) -> Result<Exit, Failure> {
    match &wanted.benchmark {
        Benchmark::Sync(wanted) => of_sync(context, wanted).await,
        Benchmark::Memory(wanted) => of_memory(context, wanted).await,
        Benchmark::Up(wanted) => of_up(context, wanted).await,
    }
}

async fn of_sync(context: &Context, wanted: &BenchSync) -> Result<Exit, Failure> {
    let source = source(context, &wanted.own).await?;
    let has = source.tenants();
    let tenant = match &wanted.tenant {
        None => has.first().cloned().unwrap_or_default(),
        Some(tenant) if has.contains(tenant) => tenant.clone(),
        Some(tenant) => return Err(context.no_tenant(tenant, has)),
    };
    let measured = measuring(context, async |setting| {
        sync::measure(&source, &tenant, &setting).await
    })
    .await?;
    print(context, &measured, |figures| text::of_sync(figures, &tenant))
}

async fn of_memory(context: &Context, wanted: &BenchMemory) -> Result<Exit, Failure> {
    let source = source(context, &wanted.own).await?;
    let measured = measuring(context, async |setting| {
        memory::measure(&source, wanted.components, &setting).await
    })
    .await?;
    print(context, &measured, text::of_memory)
}

async fn of_up(context: &Context, wanted: &BenchUp) -> Result<Exit, Failure> {
    let context = context.named_or(NAME);
    let wanted_own = wanted.own.wanted();
    let plan = context.plan(&wanted_own, None).await?;
    let options = wanted_own.basis.binaries.options();
    let measured = measuring(&context, async |setting| {
        up::measure(&plan, &options, wanted.runs.into(), &setting).await
    })
    .await?;
    print(&context, &measured, text::of_up)
}

/// Returns the environment if it is up, else one that is to be brought up.
async fn source(context: &Context, own: &Own) -> Result<Source, Failure> {
    match Attached::open(&context.places, context.name()) {
        Ok(attached) => Ok(Source::Found(Box::new(attached))),
        Err(environment::Error::NotUp { .. }) => {
            let wanted = own.wanted();
            let plan = context.plan(&wanted, None).await?;
            Ok(Source::Own(Box::new(plan), wanted.basis.binaries.options()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Measures while the progress is shown and signals are listened to.
async fn measuring<T>(
    context: &Context,
    work: impl AsyncFnOnce(Setting<'_>) -> Result<T, bench::Error>,
) -> Result<T, Failure> {
    showing(context, async |events, cancel| {
        let setting = Setting {
            places: &context.places,
            events,
            cancel,
        };
        Ok(work(setting).await?)
    })
    .await
}

/// Does `work` while its progress is shown and signals are listened to.
pub(super) async fn showing<T>(
    context: &Context,
    work: impl AsyncFnOnce(&Events, &CancellationToken) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let cancel = interrupt::listen(context.name())?;
    context.showing(async |events| work(events, &cancel).await).await
}

fn print<T: Serialize>(
    context: &Context,
    measured: &Measured<T>,
    table: impl FnOnce(&T) -> String,
) -> Result<Exit, Failure> {
    if context.is_json() {
        output::json(&measured.figures)?;
    } else {
        output::text(&table(&measured.figures))?;
    }
    Ok(if measured.left_behind.is_empty() {
        Exit::Passed
    } else {
        Exit::LeftBehind
    })
}
