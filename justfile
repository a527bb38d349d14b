# Every recipe is one command of cargo, of the harness or of `.ci`; loops and conditions live there.

set positional-arguments

# The recipes
default:
    @just --list

# Bring everything up, run the scenarios, report, remove everything
e2e *arguments:
    cargo e2e "$@"

# The tests that need nothing but a compiler
test *arguments:
    cargo test "$@"

# These, and the tests that need Kubernetes' programs but no environment
test-all:
    .ci/run test scenarios two-apis chart apps

# Formatting and lints, as CI runs them
lint:
    .ci/run formatting clippy

# Formatting, GitHub's workflow and lints: what CI runs first
check:
    .ci/run formatting workflow clippy

# Run all parts of CI, or the named ones
ci *parts:
    .ci/run "$@"

# Run all nightly parts, or the named ones
nightly *parts:
    .ci/nightly "$@"

# Advisories, bans, licences and sources of dependencies; needs cargo-deny and a network
deny:
    cargo deny check

# Bring an environment up and leave it
up *arguments:
    cargo harness up "$@"

# Run a scenario against the environment that is up: `just scenario SY-07`
scenario *arguments:
    cargo harness test "$@"

# Remove it
down *arguments:
    cargo harness down "$@"
