//! `harness`: brings up many tenants that share one Dapr, checks them end to end, reports, and removes them again.

fn main() -> std::process::ExitCode {
    harness::cli::main()
}
