#!/usr/bin/env bash
# The training step of known nets with a new head, here and in PyTorch, in alternation: medians, and how many times
# faster.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/torch.sh [-n ROUNDS] [-s STEPS] [-o CASES] [-l 'LAYOUT …']
#
# Each round runs every case once with Frostline and once with each memory layout of PyTorch (-l: nchw, nhwc, or both),
# whose better median counts. CASES is a glob over net/freeze/ranks/threads, such as 'resnet20_cifar/*/1/1'; all of them take hours. freeze:
# `base` trains the head alone, `none` everything. Exit code 77: no torch. The machine is to be idle; its load is
# printed.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi
. "$here/../../cluster/mpi-env.sh"

rounds=5 steps=3 only='*' layouts='nchw nhwc'
while getopts n:s:o:l: option; do
    case $option in
    n) rounds=$OPTARG ;;
    s) steps=$OPTARG ;;
    o) only=$OPTARG ;;
    l) layouts=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nets=(vgg16 squeezenet1_0 mobilenet_v1 resnet20_cifar)
image_of() { [ "$1" = resnet20_cifar ] && echo 32 || echo 224; }
rows_of() { case $1 in vgg16) echo 8 ;; resnet20_cifar) echo 128 ;; *) echo 16 ;; esac; }
head_of() { [ "$1" = vgg16 ] && echo 'flatten, {dense: {units: 256, activation: relu}}' || echo global_avg_pool2d; }

for net in "${nets[@]}"; do
    image=$(image_of "$net")
    cat >"$work/$net-base.yaml" <<YAML
model:
  base: $net
  include_top: false
  input: [$image, $image, 3]
  layers: [$(head_of "$net"), {dense: {units: 10, activation: softmax}}]
freeze: {layers: [$net]}
data: {format: synthetic, train: {rows: 8, classes: 10}}
optimizer: {type: adam, learning_rate: 0.001}
YAML
    grep -v '^freeze' "$work/$net-base.yaml" >"$work/$net-none.yaml"
done

frostline() { # NET FREEZE RANKS THREADS
    local rows command
    rows=$(($(rows_of "$1") * $3))
    command=("$FROSTLINE" bench step "$work/$1-$2.yaml" "train.batch_size=$rows" --steps "$steps" --warmup 1 --json)
    [ "$3" -gt 1 ] && command=(mpirun -q -np "$3" "${command[@]}")
    OMP_NUM_THREADS=$4 "${command[@]}"
}
torch() { # LAYOUT NET FREEZE RANKS THREADS
    local layout=$1 net=$2 freeze=$3 ranks=$4 threads=$5 rank pids=() failed=0
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$((20000 + RANDOM % 20000)) WORLD_SIZE=$ranks
    for ((rank = ranks - 1; rank >= 0; rank--)); do
        RANK=$rank OMP_NUM_THREADS=$threads "$python" -B "$here/torch_step.py" --net "$net" --layout "$layout" \
            --freeze "$freeze" --threads "$threads" --rows "$(rows_of "$net")" --image "$(image_of "$net")" \
            --steps "$steps" &
        pids+=($!)
    done
    for rank in "${pids[@]}"; do wait "$rank" || failed=1; done
    return $failed
}

cases=()
for net in "${nets[@]}"; do
    for case in "$net"/{base,none}/{1/1,1/2,2/1}; do
        # shellcheck disable=SC2053 # a glob is meant
        [[ $case == $only ]] && cases+=("$case")
    done
done
[ ${#cases[@]} -gt 0 ] || { echo "no case matches '$only'" >&2 && exit 2; }
for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do
        IFS=/ read -r net freeze ranks threads <<<"$case"
        file=$work/${case//\//-}
        echo "round $round of $rounds, $case, load $(cut -d' ' -f1 /proc/loadavg)" >&2
        frostline "$net" "$freeze" "$ranks" "$threads" >>"$file-frostline" || exit 1
        for layout in $layouts; do
            torch "$layout" "$net" "$freeze" "$ranks" "$threads" >>"$file-$layout" || exit 1
        done
    done
done

"$python" -B "$here/torch_table.py" "$work" "${cases[@]}"
