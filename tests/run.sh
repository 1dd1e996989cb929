#!/usr/bin/env bash
# Builds Frostline and runs every test.
#
#   bash tests/run.sh [--preset release|debug|asan] [-- CTEST_ARGUMENT…]
#
# Installs what is missing from Debian's packages (cluster/packages.sh). The last line of the output is
# `N passed, N failed` (with `, N skipped` if some were); a build that fails counts as one failed test.
# Exit code 0 only if at least one test ran and none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null

preset=release
while [ $# -gt 0 ]; do
    case "$1" in
    --preset) preset=${2:?--preset needs a name} && shift 2 ;;
    --preset=*) preset=${1#*=} && shift ;;
    --) shift && break ;;
    *)
        echo "usage: bash tests/run.sh [--preset release|debug|asan] [-- CTEST_ARGUMENT…]" >&2
        exit 2
        ;;
    esac
done
case "$preset" in
release) build=build ;;
debug | asan) build=build-$preset ;;
*)
    echo "error: no preset '$preset': there are release, debug and asan" >&2
    exit 2
    ;;
esac
results=$build/tests/results.xml

not_built() {
    echo "error: $1 failed; see above" >&2
    echo "0 passed, 1 failed"
    exit 1
}

# An attribute of the results' <testsuite>: tests, failures, skipped, disabled.
count() {
    sed -n "/<testsuite /,/>/s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$results" | head -n 1
}

. cluster/packages.sh
. cluster/mpi-env.sh
packages_install || not_built "installing the packages"

configure=(cmake --preset "$preset")
[ -f "$build/CMakeCache.txt" ] || configure+=(-G Ninja) # a tree that someone made with make stays so
"${configure[@]}" || not_built "configuring"
cmake --build "$build" --parallel "$(nproc)" || not_built "building"

rm -f "$results"
ctest --test-dir "$build" --output-on-failure --parallel "$(nproc)" --timeout 900 \
    --output-junit "$PWD/$results" "$@" || true # the results say it, and more exactly
[ -s "$results" ] || not_built "running the tests"

failed=$(count failures)
skipped=$(($(count skipped) + $(count disabled)))
passed=$(($(count tests) - failed - skipped))
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
