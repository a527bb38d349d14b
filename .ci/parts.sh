# Declares parts and runs them one after the other, each with its time; for `source`.
#
#   part NAME COMMAND...    declares a part
#   run_parts [NAME...]     runs these parts in this order; without names, all parts in the order of their declaration
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

names=()
declare -A commands
times=()

part() {
    local name=$1
    shift
    names+=("$name")
    commands[$name]=${*@Q}
}

run_parts() {
    local name
    if [ $# = 0 ]; then
        set -- "${names[@]}"
    fi
    for name; do
        is_part "$name" || refuse "$name"
    done
    trap report EXIT
    for name; do
        run_part "$name"
    done
}

is_part() {
    local name
    for name in "${names[@]}"; do
        if [ "$name" = "$1" ]; then
            return 0
        fi
    done
    return 1
}

refuse() {
    printf '%s has no part "%s": nothing was run. Its parts: %s.\n' "$0" "$1" "${names[*]}" >&2
    printf 'Give one or more of these names, or none to run all parts in this order.\n' >&2
    exit 2
}

run_part() {
    local name=$1 started=$SECONDS words
    eval "words=(${commands[$name]})"
    printf '\n=== %s: %s\n' "$name" "${words[*]}"
    "${words[@]}"
    times+=("$(printf '%-13s %5d s' "$name" $((SECONDS - started)))")
}

report() {
    local status=$?
    printf '\n=== %s after %d s\n' "$([ $status = 0 ] && echo passed || echo "failed ($status)")" "$SECONDS"
    printf '%s\n' "${times[@]}"
}

# Lints everything. `--all-targets` leaves out the tests that `cargo test` leaves out.
lint() {
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --workspace --test two_apis --test chart --test apps_with_dapr -- -D warnings
}

harness() { cargo run --release -p harness-cli -- "$@"; }

# Runs a command with the Docker daemon that answers, or else, as root, with one that ends with the command.
with_docker() {
    if docker version >/dev/null 2>&1; then
        "$@"
    else
        harness docker -- "$@"
    fi
}
