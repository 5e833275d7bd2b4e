# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the command-line tests: a clean folder, and how a check is counted.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH="$DUMPIO_BIN:$PATH"
rm -rf "$DUMPIO_SCRATCH"
mkdir -p "$DUMPIO_SCRATCH"
cd "$DUMPIO_SCRATCH" || exit 1
checks=0 failures=0

# expect CODE COMMAND...: exit code; output in ./out and ./err
expect() {
    local want=$1 got
    shift
    checks=$((checks + 1))
    "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" != "$want" ]; then
        failures=$((failures + 1))
        echo "FAILED: exit $got, expected $want: $*"
        head -5 err
    fi
}

# has FILE TEXT: the file has the text
has() {
    checks=$((checks + 1))
    if ! grep -qF -- "$2" "$1"; then
        failures=$((failures + 1))
        echo "FAILED: no \"$2\" in $1:"
        head -5 "$1"
    fi
}

ok() {
    checks=$((checks + 1))
    if ! "$@"; then
        failures=$((failures + 1))
        echo "FAILED: $*"
    fi
}

# Print the sum; the exit code.
finish() {
    echo "$checks checks, $failures failures"
    [ "$failures" = 0 ]
}
