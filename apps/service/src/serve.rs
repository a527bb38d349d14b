//! Serving until a signal, then letting requests finish.

use std::error::Error;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::call::at_most;
use crate::settings::Settings;
use crate::shell::App;
use crate::telemetry;

/// Runs an app: logs, listens, serves until a signal. Any error is logged and makes the exit code 1.
pub async fn run(settings: Settings, router: fn(App) -> Router) -> ExitCode {
    if let Err(error) = telemetry::start(&settings.log) {
        // There is no log to say it in.
        let error = clap::Error::raw(
            clap::error::ErrorKind::ValueValidation,
            format!("RUST_LOG: {error}\n"),
        );
        error.print().ok();
        return ExitCode::from(2);
    }
    match serve(&settings, router).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = telemetry::chain(error.as_ref()), "stopped");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: &Settings, router: fn(App) -> Router) -> Result<(), Box<dyn Error>> {
    let stop = signalled()?;
    let listener = TcpListener::bind(settings.listen()).await?;
    let address = listener.local_addr()?;
    tracing::info!(%address, sidecar = %settings.sidecar(), store = settings.state_store_name, "listening");
    until(
        stop,
        listener,
        router(App::new(settings)?),
        settings.drain_timeout_ms,
    )
    .await?;
    tracing::info!("stopped: every request was answered");
    Ok(())
}

/// Answers requests until `stop`; then takes no new ones and gives those under way up to `drain`.
///
/// # Errors
/// The listener broke, or requests were cut off because `drain` had passed.
pub async fn until(
    stop: impl Future<Output = ()> + Send + 'static,
    listener: TcpListener,
    router: Router,
    drain: Duration,
) -> io::Result<()> {
    let (stopped, stopping) = oneshot::channel();
    // Answers are small and somebody waits for each.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping: no new requests, those under way finish");
        stopped.send(()).ok();
    });
    let overdue = async {
        match stopping.await {
            Ok(()) => at_most(drain, std::future::pending::<()>()).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = served => result,
        _ = overdue => Err(io::Error::new(io::ErrorKind::TimedOut, "requests were still under way")),
    }
}

/// Waits for SIGTERM, which Kubernetes sends, or SIGINT, which a terminal sends.
///
/// # Errors
/// The process may not watch for signals.
pub fn signalled() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
