#!/usr/bin/env bash
# What a fine-tuning sends, four times over: as planned, as counted where MPI is called, as the kernel counted at the
# transport, and as the interfaces of a virtual cluster counted. As root:
#
#   bash tests/bench/wire.sh FROSTLINE [HOSTS…]      # 2 and 4 if left out; RATE=2gbit, REDUCERS, FREEZES
#
# Bytes are those of all hosts in two epochs: a run of three epochs less a run of one, so that the start is not in them.
# Features are not kept, since nodes would exchange them between epochs.
# `packets`: how the transport's bytes are off the interfaces'; `plan`: how the planned ones are.
set -euo pipefail
cluster=$(cd "$(dirname "$0")/../../cluster" && pwd)/virtual-cluster
frostline=$(realpath "${1:?usage: wire.sh FROSTLINE [HOSTS…]}")
shift
work=$(mktemp -d)
vc=(bash "$cluster" --name "w$(tr 0-9 a-j <<<$$)")
trap '"${vc[@]}" down; rm -rf "$work"' EXIT

{
    echo 'name: wire
model:
  input: [32, 32, 3]
  layers:'
    width=16
    for block in 1 2 3 4 5; do
        for conv in 1 2 3; do
            [ $block -le 2 ] && [ $conv -eq 3 ] && continue
            echo "    - conv2d: {name: block${block}_conv$conv, filters: $width, kernel_size: 3, padding: same, activation: relu}"
        done
        echo "    - max_pool2d: {name: block${block}_pool, pool_size: 2}"
        width=$((width < 128 ? 2 * width : width))
    done
    echo '    - flatten: {}
    - dense: {name: fc, units: 256, activation: relu}
    - dense: {name: predictions, units: 10, activation: softmax}
data: {format: synthetic, train: {rows: 80, classes: 10}, cache_features: off}
train: {batch_size: 8}
optimizer: {type: sgd, learning_rate: 0.001}
distributed: {bucket_mb: 1}
checkpoint: {every_epochs: 1000}'
} >"$work/net.yaml"

freezes=${FREEZES:-head block5 none}
head='[block*]' block5='["block[1-4]*"]' none='[]'

sent() { "${vc[@]}" bytes | awk '{ n += $2 } END { printf "%.0f", n }'; }
train() { # EPOCHS FREEZE REDUCER: what the interfaces count meanwhile, in $counted
    local before
    before=$(sent)
    rm -rf "$work/run"
    "${vc[@]}" run "$frostline" train "$work/net.yaml" "freeze.layers=${!2}" train.epochs="$1" \
        distributed.reducer="$3" --run-dir "$work/run" --progress none >"$work/out" 2>&1 || { cat "$work/out" && exit 1; }
    counted=$(($(sent) - before))
}
# Column NAME of comm.csv, added up over the ranks of the second and third epochs.
column() {
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["bucket"] == "all" && $at["epoch"] > 1 { n += $at[name] } END { printf "%.0f", n }' "$work/run/comm.csv"
}
row() { # HOSTS FREEZE REDUCER
    local once
    train 1 "$2" "$3" && once=$counted
    train 3 "$2" "$3"
    awk -v interfaces=$((counted - once)) -v plan="$(column planned_mpi_bytes)" -v mpi="$(column mpi_bytes)" \
        -v link_plan="$(column planned_link_bytes)" -v link="$(column link_bytes)" -v what="$1 $2 $3" 'BEGIN {
        split(what, w, " ")
        printf "%5s  %-7s %-9s %12.0f %12.0f %12.0f %12.0f %12.0f  %+6.2f%% %+6.2f%%\n", w[1], w[2], w[3], plan, mpi, link_plan, link,
            interfaces, 100 * (link / interfaces - 1), 100 * (link_plan / interfaces - 1) }'
}

printf '%5s  %-7s %-9s %12s %12s %12s %12s %12s  %7s %7s\n' hosts trains reducer planned measured planned measured interfaces \
    packets plan '' '' '' payload payload link link link '' ''
for hosts in "${@:-2 4}"; do
    for n in $hosts; do
        "${vc[@]}" up "$n" --rate "${RATE:-2gbit}" --packets
        for freeze in $freezes; do
            for reducer in ${REDUCERS:-blocking overlap tree sharded}; do row "$n" "$freeze" "$reducer"; done
        done
        "${vc[@]}" down
    done
done
