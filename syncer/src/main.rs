//! The syncer of one virtual cluster; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    syncer::cli::main()
}
