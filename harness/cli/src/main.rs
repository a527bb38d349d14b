//! The command line of the harness: reads it, runs the command, and prints the result.
//!
//! This is the only place that prints errors, and the only one that exits.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

/// The arguments of the command line.
mod arguments;

/// The commands.
mod commands;

/// Errors of commands.
mod failure;

/// Ctrl-C and similar signals.
mod interrupt;

/// Data, on standard output.
mod output;

use arguments::{Arguments, Command, Enter};
use failure::Failure;
use harness::exit::Exit;
use harness::report::terminal::Verbosity;
use sandbox::docker::{names, runtime};
use sandbox::{enter, supervisor};

/// Runs the program that the process' arguments ask for, and returns its exit code.
fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    log(arguments.common.verbosity());
    // Before anything has started a thread: these become another process, or need no runtime.
    let done = match &arguments.command {
        Command::SandboxInit { folder } => never(supervisor::init(folder)).map_err(Failure::Sandbox),
        Command::SandboxEnter(wanted) => return enter(wanted),
        Command::DockerNames { address } => never(names::serve(*address)).map_err(Failure::Sandbox),
        Command::DockerRuntime { runc, arguments } => {
            never(runtime::run(runc, arguments)).map_err(Failure::Runc)
        }
        _ => run(arguments),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure::print(&failure);
            failure.exit().into()
        }
    }
}

/// Converts the result of a function that returns only if it fails.
fn never(done: io::Result<Infallible>) -> io::Result<Exit> {
    done.map(|never| match never {})
}

/// Runs a command of the user's in a sandbox's network. If it cannot, its exit codes are those of shells and Docker
/// for this.
fn enter(wanted: &Enter) -> ExitCode {
    let [program, arguments @ ..] = &*wanted.command else {
        return Exit::Usage.into();
    };
    let Err(error) = enter::run(&wanted.folder, program, arguments);
    let code = match &error {
        enter::Error::Sandbox { .. } => 125,
        enter::Error::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
        enter::Error::Program { .. } => 126,
    };
    failure::print_error(&error);
    Exit::Command(code).into()
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let done = runtime.block_on(commands::run(arguments));
    // What still runs on another thread has nothing to add, and must not keep the process.
    runtime.shutdown_background();
    done
}

/// Prints help, or the error in the arguments.
fn refuse(error: &clap::Error) -> ExitCode {
    // Nobody is there to be told that nobody reads it.
    let _unread = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Passed.into(),
        _ => Exit::Usage.into(),
    }
}

/// Sends the log of the stages to standard error. `RUST_LOG` overrides the level.
fn log(verbosity: Verbosity) {
    // The client logs as an error each request that a wait for something to come up makes too early.
    let default = match verbosity {
        Verbosity::Quiet => "error,kube_client=off",
        Verbosity::Normal => "warn,kube_client=off",
        Verbosity::Verbose => "info,harness=debug,provision=debug,sandbox=debug,kube_client=off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let is_colourful = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // A file or a CI server's log shows escape sequences as they are.
        .with_ansi(is_colourful && io::stderr().is_terminal())
        .init();
}
