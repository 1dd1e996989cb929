#!/usr/bin/env bash
# Forward and backward of every layer, here and in PyTorch, in alternation: medians, and how many times faster.
#
#   BENCH=build/tests/bench_layers [FROSTLINE_PYTHON=python] tests/bench/layers.sh [-n ROUNDS] [-r REPEATS] [-t THREADS] [-o CASES]
#
# Builds: cmake --build build --target bench_layers. Each round runs all cases once here and once with each memory layout of
# PyTorch; CASES is a regular expression over the names in layers.txt. `ratio` is against the better layout of each
# direction; `both`, of the sum. Exit code 77: no torch. The machine is to be idle; its load is printed.
set -uo pipefail
: "${BENCH:?set BENCH to the program bench_layers}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi

rounds=3 repeats=5 threads=1 only=.
while getopts n:r:t:o: option; do
    case $option in
    n) rounds=$OPTARG ;;
    r) repeats=$OPTARG ;;
    t) threads=$OPTARG ;;
    o) only=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=$threads

awk -v only="$only" '!/^#/ && $1 ~ only' "$here/layers.txt" >"$work/cases"
[ -s "$work/cases" ] || { echo "no case matches '$only'" >&2 && exit 2; }
for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    "$BENCH" "$repeats" <"$work/cases" >>"$work/frostline" || exit 1
    for layout in nchw nhwc; do
        "$python" "$here/torch_layers.py" "$layout" "$threads" "$repeats" <"$work/cases" >>"$work/$layout" || exit 1
    done
done
"$python" -B "$here/layers_table.py" "$work" "$threads"
