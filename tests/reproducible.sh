#!/usr/bin/env bash
# `distributed.reproducible: ranks`: the same bits at 1, 2, 3, 4 and 8 ranks, whatever is frozen, by every optimizer, in one go or
# resumed in the middle of an epoch on other ranks, with any number of threads, on several nodes, by every reducer, with and
# without kept features; and what cannot be had is refused.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: reproducible
model:
  input: [12, 12, 3]
  layers:
    - conv2d: {name: c1, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: c2, filters: 24, kernel_size: 3, padding: same}
    - batch_norm: {name: bn, statistics: rank}
    - max_pool2d: {pool_size: 2}
    - conv2d: {name: c3, filters: 16, kernel_size: 1, activation: relu}
    - flatten
    - dropout: {rate: 0.2}
    - dense: {name: d1, units: 24, activation: tanh}
    - dense: {name: d2, units: 5, activation: softmax}
data: {format: synthetic, train: {rows: 101, classes: 5}, validation: {rows: 37, classes: 5}, augment: {horizontal_flip: true}}
train: {epochs: 2, batch_size: 41, gradient_accumulation_steps: 2, clip_grad_norm: 0.1}
optimizer: {type: adam, learning_rate: 0.01}
distributed: {reproducible: ranks, bucket_mb: 0.01}
checkpoint: {every_steps: 2, keep_last: 9}
YAML

losses() { grep '"event": *"epoch"' "$1/metrics.jsonl" | grep -oE '"(val_)?(loss|accuracy)": *[0-9.e+-]+'; }
weights() { echo "$1/checkpoints/latest/model.safetensors"; }
# equals A B: two runs have the same weights, moments and curves
equals() {
    same "$(weights "$1")" "$(weights "$2")"
    same "$1/checkpoints/latest/optimizer.safetensors" "$2/checkpoints/latest/optimizer.safetensors"
    checks=$((checks + 1))
    [ -n "$(losses "$1")" ] && [ "$(losses "$1")" = "$(losses "$2")" ] || fail "$1 and $2 have other curves"
}
# As if the last checkpoint had never been: the one before is from the middle of the second epoch.
interrupt() {
    rm -r "$1/checkpoints/$(readlink "$1/checkpoints/latest")"
    sed -i 's/"finished"/"running"/' "$1/status.json"
}

freezes=('{}' '{layers: [c1, c2, bn, c3]}' '{layers: [c2, bn, d1], schedule: [{epoch: 2, unfreeze: [d1]}]}')
optimizers=(sgd adam adamw)
counts=(2 3 4 8)
turns=${TURNS:-2} # 4: every count with every freeze set and optimizer, each resumed too
k=0
for f in 0 1 2; do
    for o in "${optimizers[@]}"; do
        set -- net.yaml "freeze=${freezes[f]}" "optimizer.type=$o"
        [ "$o" = sgd ] && set -- "$@" optimizer.momentum=0.9
        one=one-$f-$o
        expect 0 'epoch 2/2' "$one" ranks 1 train "$@" --run-dir "$one"
        for ((i = 0; i < turns; i++)); do
            k=$((k + 1))
            n=${counts[k % 4]} then=${counts[(k + 1 + f) % 4]} run=run-$f-$o-$i
            expect 0 'epoch 2/2' "$run at $n ranks" ranks "$n" train "$@" --run-dir "$run"
            equals "$one" "$run"
            [ "$turns" = 2 ] && [ $i = 1 ] && continue
            interrupt "$run"
            expect 0 'epoch 2/2' "$run resumed at $then ranks" ranks "$then" train "$@" --run-dir "$run" --resume
            equals "$one" "$run"
        done
    done
done

# Threads; nodes of two ranks, the last of which may have one; all reducers; other buckets.
OMP_NUM_THREADS=2 expect 0 'epoch 2/2' 'two threads' frostline train net.yaml --run-dir threads
equals one-0-adam threads
for reducer in blocking tree sharded; do
    FROSTLINE_RANKS_PER_NODE=2 expect 0 'epoch 2/2' "$reducer on nodes" ranks 3 train net.yaml distributed.reducer=$reducer \
        distributed.bucket_mb=25 --run-dir "nodes-$reducer"
    equals one-0-adam "nodes-$reducer"
done
FROSTLINE_RANKS_PER_NODE=2 expect 0 'epoch 2/2' 'four nodes' ranks 7 train net.yaml --run-dir nodes
equals one-0-adam nodes

# Products by OpenBLAS, which divides them among threads, and batches whose last has fewer rows than there are shards.
wide=(net.yaml model.layers.8.dense.units=300 model.layers.7.dense.units=500 train.batch_size=256 train.gradient_accumulation_steps=1
    data.train.rows=260 data.train.classes=300 distributed.virtual_shards=8 kernels.conv=im2col kernels.conv_dw=im2col)
expect 0 'epoch 2/2' 'wide' frostline train "${wide[@]}" --run-dir wide1
OMP_NUM_THREADS=3 expect 0 'epoch 2/2' 'wide, 3 threads' frostline train "${wide[@]}" --run-dir wide3
equals wide1 wide3

# Kept features change nothing.
kept=(net.yaml 'freeze={layers: [c1, c2, bn, c3]}' '~data.augment' data.cache_features)
expect 0 'epoch 2/2' 'nothing kept' ranks 1 train "${kept[@]}=off" --run-dir off
expect 0 'epoch 2/2' 'features kept' ranks 3 train "${kept[@]}=memory" --run-dir on
equals off on

# The order of the shards decides bits, so another number of them is another run; as is none.
expect 0 'epoch 2/2' '16 shards' ranks 2 train net.yaml distributed.virtual_shards=16 --run-dir other
expect 1 'differs' 'other shards, other bits' "$COMPARE" "$(weights one-0-adam)" "$(weights other)" 0
expect 2 'distributed.virtual_shards: 16 there, 8 here' 'resumed with other shards' ranks 1 train net.yaml --run-dir other --resume

expect 2 'leaves a rank without work at 3 ranks' 'more ranks than shards' ranks 3 train net.yaml distributed.virtual_shards=2
expect 2 'are fewer than 3 ranks' 'a plan for more ranks than shards' frostline plan net.yaml --np 3 distributed.virtual_shards=2
expect 2 'leaves a rank without work' 'a node of too many' env FROSTLINE_RANKS_PER_NODE=3 mpirun -q -np 4 "$FROSTLINE" train net.yaml \
    distributed.virtual_shards=4
expect 2 'write a power of two' 'six shards' frostline validate net.yaml distributed.virtual_shards=6
expect 2 'a micro-batch of 20 rows cannot be cut into 32 shards' 'too many shards' frostline validate net.yaml distributed.virtual_shards=32
expect 2 'allreduce_dtype: float32' 'rounded sums' frostline validate net.yaml distributed.allreduce_dtype=bfloat16
expect 2 "layer 'bn' trains on statistics of all ranks" 'global statistics' frostline validate net.yaml \
    model.layers.2.batch_norm.statistics=global
expect 0 '' 'global statistics, frozen' frostline validate net.yaml model.layers.2.batch_norm.statistics=global 'freeze={layers: [bn]}'
expect 0 '8 shards, 4 of them one after the other' 'the plan' frostline plan net.yaml --np 3
finish
