#!/usr/bin/env bash
# An epoch of frozen VGG16 with its features kept, here; and in PyTorch without (its frozen step, times the steps) and
# with features kept by hand. One rank, one thread; alternating rounds, medians.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/cached.sh [-n ROUNDS] [-r ROWS]
#
# Exit code 77: no torch. The machine is to be idle; its load is printed.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi

rounds=5 rows=400
while getopts n:r: option; do
    case $option in
    n) rounds=$OPTARG ;;
    r) rows=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

# Features lie in a file, so that the base runs in the first round alone.
cat >"$work/net.yaml" <<YAML
name: cached
output_dir: $work/runs
model:
  base: vgg16
  include_top: false
  input: [224, 224, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
freeze: {layers: [vgg16]}
data: {format: synthetic, train: {rows: $rows, classes: 10}, cache_features: disk}
train: {epochs: 7, batch_size: 8}
optimizer: {type: adam, learning_rate: 0.001}
checkpoint: {every_epochs: 100}
YAML
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

frostline() { # seconds of an epoch
    rm -rf "$work/run"
    "$FROSTLINE" train "$work/net.yaml" --run-dir "$work/run" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    grep '"event": *"epoch"' "$work/run/metrics.jsonl" | tail -n +3 | sed 's/.*"seconds": *\([0-9.e+-]*\).*/\1/' | median
}
cached() { # of the fastest way
    "$python" -B "$here/torch_cached.py" --rows "$rows" | tr ',{}' '\n' | grep -E '(fused|foreach)' |
        sed 's/.*: //' | sort -g | head -1
}
frozen() { # of the better memory layout
    local layout
    for layout in nchw nhwc; do
        "$python" -B "$here/torch_step.py" --freeze base --layout $layout --steps 3 | sed 's/.*"median": \([0-9.]*\).*/\1/'
    done | sort -g | head -1 | awk -v n="$(((rows + 7) / 8))" '{ print $1 * n }'
}

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    frostline >>"$work/frostline"
    cached >>"$work/cached"
    frozen >>"$work/frozen"
done
ours=$(median <"$work/frostline")
report() { awk -v what="$1" -v other="$(median <"$2")" -v ours="$ours" 'BEGIN { printf "%-42s %9.4f s %8.2f ×\n", what, other, other / ours }'; }
"$python" -c 'import torch; print("PyTorch", torch.__version__)'
report "Frostline, features kept" "$work/frostline"
report "PyTorch, features kept by hand" "$work/cached"
report "PyTorch, base frozen" "$work/frozen"
