#!/usr/bin/env bash
# One rank and N ranks compute the same: final weights and the curve, for nets with batch norm, dropout, branches, an odd batch,
# accumulation, clipping, a thaw; and more ranks than rows.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: ranks
model:
  input: [8, 8, 2]
  layers:
    - conv2d: {name: c1, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - batch_norm: {name: bn}
    - conv2d: {name: c2, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - add: {inputs: [bn, c2]}
    - max_pool2d: {pool_size: 2}
    - flatten
    - dropout: {rate: 0.2}
    - dense: {name: d1, units: 12, activation: tanh}
    - dense: {name: d2, units: 3, activation: softmax}
freeze: {layers: [c1, d1], schedule: [{epoch: 2, unfreeze: [d1]}]}
data: {format: synthetic, train: {rows: 101, classes: 3}, validation: {rows: 37, classes: 3}, augment: {horizontal_flip: true}}
train: {epochs: 3, batch_size: 23, gradient_accumulation_steps: 2, clip_grad_norm: 1.0}
optimizer: {type: adam, learning_rate: 0.01}
YAML

losses() { grep -o '"event": *"epoch".*' "$1/metrics.jsonl" | grep -oE '"(val_)?loss": *[0-9.e+-]+' | grep -oE '[0-9.e+-]+$'; }

for reducer in blocking tree overlap sharded; do
    for n in 1 2 3 4 7; do
        expect 0 'epoch 3/3' "$reducer, $n ranks" ranks $n train net.yaml distributed.reducer=$reducer distributed.bucket_mb=0.001 --run-dir "$reducer$n"
        [ $n -gt 1 ] && near "blocking1/checkpoints/latest/model.safetensors" "$reducer$n/checkpoints/latest/model.safetensors" 2e-4
        checks=$((checks + 1))
        paste <(losses blocking1) <(losses "$reducer$n") | awk 'function a(x) { return x < 0 ? -x : x }
            { n++; if (a($1 - $2) > 1e-4 * (1 + a($1))) bad = 1 } END { exit !(n == 6 && !bad) }' || fail "$reducer, $n ranks: another curve"
    done
done

# The same on two nodes and on three, the last of which has one rank.
for reducer in tree overlap sharded; do
    for n in 3 5; do
        FROSTLINE_RANKS_PER_NODE=2 expect 0 'epoch 3/3' "$reducer, $n ranks on nodes of 2" ranks $n train net.yaml \
            distributed.reducer=$reducer distributed.bucket_mb=0.001 --run-dir "nodes-$reducer$n"
        near "blocking1/checkpoints/latest/model.safetensors" "nodes-$reducer$n/checkpoints/latest/model.safetensors" 2e-4
    done
done

# Checkpoints know neither reducer nor ranks: the moments that three ranks shared out go on whole on two, or the other way round.
expect 0 'epoch 2/2' 'two epochs, sharded' ranks 3 train net.yaml distributed.reducer=sharded train.epochs=2 --run-dir moved
expect 0 'epoch 3/3' 'the third, blocking' ranks 2 train net.yaml distributed.reducer=blocking --run-dir moved
near blocking1/checkpoints/latest/model.safetensors moved/checkpoints/latest/model.safetensors 2e-4
expect 0 'epoch 2/2' 'two epochs, blocking' ranks 2 train net.yaml distributed.reducer=blocking train.epochs=2 --run-dir moved2
expect 0 'epoch 3/3' 'the third, sharded' ranks 3 train net.yaml distributed.reducer=sharded --run-dir moved2
near blocking1/checkpoints/latest/model.safetensors moved2/checkpoints/latest/model.safetensors 2e-4
near blocking3/checkpoints/latest/optimizer.safetensors sharded3/checkpoints/latest/optimizer.safetensors 2e-4

# The dimension of the batch is the run's: more ranks than rows leaves some with nothing to do.
for n in 1 5; do
    expect 0 'epoch 1/1' "3 rows a batch, $n ranks" ranks $n train net.yaml train.batch_size=3 train.gradient_accumulation_steps=1 \
        train.epochs=1 data.train.rows=10 '~freeze.schedule' --run-dir "few$n"
done
near few1/checkpoints/latest/model.safetensors few5/checkpoints/latest/model.safetensors 2e-4

# Frozen layers did not move; thawed ones did.
expect 0 '' 'the start' ranks 1 train net.yaml train.epochs=1 optimizer.learning_rate=1e-30 --run-dir start
expect 1 'd1.weight: differs' 'what moved' "$COMPARE" start/checkpoints/latest/model.safetensors blocking3/checkpoints/latest/model.safetensors 0
checks=$((checks + 1))
grep -q '^c1' out && fail 'the frozen c1 moved'
finish
