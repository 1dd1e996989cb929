# Sourced by the tests that run the command: where it is, a folder that goes away, ranks, and the checks they share.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}" "${COMPARE:?set COMPARE to compare_weights}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 NO_COLOR=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
case "${ASAN_OPTIONS:-}" in *detect_leaks*) ;; *) export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}" ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0 checks=0

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$*"
    [ -s "$work/out" ] && sed 's/^/    | /' "$work/out" | tail -15
}
# expect CODE FRAGMENT what command…: the exit code, and (if not empty) text in the output. The command may begin with
# `frostline …`, or with `ranks N …` for frostline under mpirun.
expect() {
    local code=$1 fragment=$2 what=$3 got
    shift 3
    case "$1" in
    frostline) shift && set -- "$FROSTLINE" "$@" ;;
    ranks) set -- mpirun -q -np "$2" "$FROSTLINE" "${@:3}" ;;
    esac
    checks=$((checks + 1))
    timeout 60 "$@" >"$work/out" 2>&1
    got=$?
    if [ "$got" -ne "$code" ]; then
        fail "$what: exit code $got instead of $code"
    elif [ -n "$fragment" ] && ! grep -qF -- "$fragment" "$work/out"; then
        fail "$what: the output lacks '$fragment'"
    elif grep -qE 'AddressSanitizer|runtime error' "$work/out"; then
        fail "$what: a sanitizer complains"
    fi
}
# same A B: two weight files are equal to the bit; near A B TOLERANCE: to rounding
same() { checks=$((checks + 1)) && { "$COMPARE" "$1" "$2" 0 >"$work/out" 2>&1 || fail "$1 and $2 differ"; }; }
near() { checks=$((checks + 1)) && { "$COMPARE" "$1" "$2" "$3" >"$work/out" 2>&1 || fail "$1 and $2 differ by more than $3"; }; }
finish() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]
}
