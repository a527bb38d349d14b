# Runs parts one after the other, each with its time; for `source`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

part() {
    local name=$1 started=$SECONDS
    shift
    printf '\n=== %s: %s\n' "$name" "$*"
    "$@"
    times+=("$(printf '%-13s %5d s' "$name" $((SECONDS - started)))")
}
times=()

report() {
    local status=$?
    printf '\n=== %s after %d s\n' "$([ $status = 0 ] && echo passed || echo "failed ($status)")" "$SECONDS"
    printf '%s\n' "${times[@]}"
}
trap report EXIT

harness() { cargo run --release -p harness -- "$@"; }
