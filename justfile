# Every recipe is one command of cargo or of the harness; loops and conditions live there.

set positional-arguments

# The recipes
default:
    @just --list

# Bring everything up, run the scenarios, report, remove everything
e2e *arguments:
    cargo e2e "$@"

# The tests that need no environment
test *arguments:
    cargo test "$@"

# Formatting and lints, as CI runs them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# What CI runs
ci:
    .ci/run

# Bring an environment up and leave it
up *arguments:
    cargo harness up "$@"

# Remove it
down *arguments:
    cargo harness down "$@"
