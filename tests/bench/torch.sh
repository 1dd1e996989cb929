#!/usr/bin/env bash
# The training step of VGG16 with a new head, here and in PyTorch, in alternation: medians, and how many times faster.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/torch.sh [-n ROUNDS] [-s STEPS] [-i IMAGE] [-o CASES]
#
# Each round runs every case once with Frostline and once with each memory layout of PyTorch, whose better median
# counts. CASES is a glob over freeze/ranks/threads, such as 'base/1/*'; all of them take about an hour. Exit code 77:
# no torch. The machine is to be idle; its load is printed.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi
. "$here/../../cluster/mpi-env.sh"

rounds=5 steps=3 image=224 only='*' rows=8
while getopts n:s:i:o: option; do
    case $option in
    n) rounds=$OPTARG ;;
    s) steps=$OPTARG ;;
    i) image=$OPTARG ;;
    o) only=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/base.yaml" <<YAML
model:
  base: vgg16
  include_top: false
  input: [$image, $image, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
freeze: {layers: [vgg16]}
data: {format: synthetic, train: {rows: $rows, classes: 10}}
optimizer: {type: adam, learning_rate: 0.001}
YAML
grep -v '^freeze' "$work/base.yaml" >"$work/none.yaml"

frostline() { # FREEZE RANKS THREADS
    local command=("$FROSTLINE" bench step "$work/$1.yaml" train.batch_size=$((rows * $2)) --steps "$steps" --warmup 1 --json)
    [ "$2" -gt 1 ] && command=(mpirun -q -np "$2" "${command[@]}")
    OMP_NUM_THREADS=$3 "${command[@]}"
}
torch() { # LAYOUT FREEZE RANKS THREADS
    local layout=$1 freeze=$2 ranks=$3 threads=$4 rank pids=() failed=0
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$((20000 + RANDOM % 20000)) WORLD_SIZE=$ranks
    for ((rank = ranks - 1; rank >= 0; rank--)); do
        RANK=$rank OMP_NUM_THREADS=$threads "$python" "$here/torch_step.py" --layout "$layout" --freeze "$freeze" \
            --threads "$threads" --rows "$rows" --image "$image" --steps "$steps" &
        pids+=($!)
    done
    for rank in "${pids[@]}"; do wait "$rank" || failed=1; done
    return $failed
}

cases=()
for case in {base,none}/{1/1,1/2,2/1}; do
    # shellcheck disable=SC2053 # a glob is meant
    [[ $case == $only ]] && cases+=("$case")
done
[ ${#cases[@]} -gt 0 ] || { echo "no case matches '$only'" >&2 && exit 2; }
for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do
        IFS=/ read -r freeze ranks threads <<<"$case"
        file=$work/${case//\//-}
        echo "round $round of $rounds, $case, load $(cut -d' ' -f1 /proc/loadavg)" >&2
        frostline "$freeze" "$ranks" "$threads" >>"$file-frostline" || exit 1
        for layout in nchw nhwc; do
            torch "$layout" "$freeze" "$ranks" "$threads" >>"$file-$layout" || exit 1
        done
    done
done

"$python" -B "$here/torch_table.py" "$work" "${cases[@]}"
