#!/usr/bin/env bash
# The training step of VGG16 on hosts of one core each, joined by a network of a given speed: what of the sum over ranks
# is exposed with each reducer, and PyTorch's DistributedDataParallel over gloo on the same links. Alternating rounds.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/hosts.sh [-n ROUNDS] [-s STEPS] [-i IMAGE] [-r ROWS] \
#       [-b RATE] [-c 'FREEZE HOSTS …'] [-m 'REDUCER …']
#
# -i height and width; -r rows of a rank; -b rate of each host's link, as tc writes it; -c cases, such as 'none 2 block5 4';
# freeze: `none` trains everything, `block5` the last block and the head, `base` the head. `apart`: what a host takes for
# its rows when all hosts work at the same time and send nothing. `wire`: what the plan sends from a rank, at the link's rate. `of limit`: the step by the larger of
# the two. Hosts share the machine's cores: with more hosts than cores all wait for each other's computing too. Needs root
# and iproute2; exit code 77 where there can be no virtual cluster. Without torch its rows are left out.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
rounds=5 steps=5 image=96 rows=16 rate=1gbit cases='none 2 block5 2' reducers='blocking overlap'
while getopts n:s:i:r:b:c:m: option; do
    case $option in
    n) rounds=$OPTARG ;;
    s) steps=$OPTARG ;;
    i) image=$OPTARG ;;
    r) rows=$OPTARG ;;
    b) rate=$OPTARG ;;
    c) cases=$OPTARG ;;
    m) reducers=$OPTARG ;;
    *) exit 2 ;;
    esac
done
torch=1
"$python" -c 'import torch' 2>/dev/null || torch=
work=$(mktemp -d)
name=hosts$(tr 0-9 a-j <<<$((RANDOM % 1000)))
vc=(bash "$here/../../cluster/virtual-cluster" --name "$name")
trap '"${vc[@]}" down; rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

for freeze in base block5 none; do
    cat >"$work/$freeze.yaml" <<YAML
model:
  base: vgg16
  include_top: false
  input: [$image, $image, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
data: {format: synthetic, train: {rows: 8, classes: 10}}
optimizer: {type: adam, learning_rate: 0.001}
YAML
done
echo 'freeze: {layers: [vgg16]}' >>"$work/base.yaml"
echo 'freeze: {until: block4_pool}' >>"$work/block5.yaml"

step() { # FREEZE RANKS REDUCER, the command before it
    local freeze=$1 ranks=$2 reducer=$3
    "${@:4}" "$FROSTLINE" bench step "$work/$freeze.yaml" train.batch_size=$((rows * ranks)) \
        distributed.reducer="$reducer" --steps "$steps" --warmup 1 --json 2>"$work/log" || { cat "$work/log" >&2 && exit 1; }
}
apart() { # FREEZE HOSTS
    local i pids=()
    for ((i = $2; i >= 1; i--)); do
        step "$1" 1 blocking "${vc[@]}" on "$name$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || exit 1; done
}
peer() { # FREEZE HOSTS WORLD: a process on each host, all of one world, or each its own
    local i pids=() failed=0
    for ((i = $2; i >= 1; i--)); do
        "${vc[@]}" on "$name$i" env MASTER_ADDR=10.0.0.1 MASTER_PORT=29511 WORLD_SIZE="$3" RANK=$(((i - 1) % $3)) \
            GLOO_SOCKET_IFNAME=eth0 "$python" -B "$here/torch_step.py" --freeze "$1" --layout nhwc --rows "$rows" \
            --image "$image" --steps "$steps" 2>"$work/log$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || failed=1; done
    [ $failed = 0 ] || { cat "$work"/log* >&2 && exit 1; }
}

set -- $cases
while [ $# -gt 1 ]; do
    freeze=$1 hosts=$2
    shift 2
    "${vc[@]}" up "$hosts" --rate "$rate" --cores 1 || exit $?
    "$FROSTLINE" plan "$work/$freeze.yaml" train.batch_size=$((rows * hosts)) --np "$hosts" --json >"$work/$freeze-$hosts-plan"
    for ((round = 1; round <= rounds; round++)); do
        echo "round $round of $rounds, $freeze on $hosts hosts, load $(cut -d' ' -f1 /proc/loadavg)" >&2
        file=$work/$freeze-$hosts
        apart "$freeze" "$hosts" >>"$file-apart"
        for reducer in $reducers; do
            step "$freeze" "$hosts" "$reducer" "${vc[@]}" run >>"$file-$reducer"
        done
        [ -z "$torch" ] || { peer "$freeze" "$hosts" 1 >>"$file-torch_apart" && peer "$freeze" "$hosts" "$hosts" >>"$file-torch"; }
    done
    "${vc[@]}" down
    done_cases=(${done_cases[@]+"${done_cases[@]}"} "$freeze-$hosts")
done
python3 -B "$here/hosts_table.py" "$work" "$rate" "${done_cases[@]}"
