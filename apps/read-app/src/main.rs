//! Starts the read app.

use std::process::ExitCode;

use clap::Parser;
use service::settings::Settings;

/// Reads the values of a Dapr state store, over HTTP
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    service::serve::run(Arguments::parse().settings, read_app::router).await
}
