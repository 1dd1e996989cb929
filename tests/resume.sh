#!/usr/bin/env bash
# A rank killed at a random moment, then --resume: the weights are those of a run that nobody disturbed, to the bit.
. "$(dirname "$0")/run.inc.sh"
trials=${TRIALS:-10}

cat >net.yaml <<'YAML'
name: resume
model:
  input: [12, 12, 1]
  layers:
    - conv2d: {name: c1, filters: 8, kernel_size: 3, padding: same, activation: relu}
    - batch_norm: {name: bn}
    - max_pool2d: {pool_size: 2}
    - flatten
    - dropout: {rate: 0.2}
    - dense: {name: d1, units: 48, activation: relu}
    - dense: {name: d2, units: 4, activation: softmax}
freeze: {layers: [c1, bn], schedule: [{epoch: 3, unfreeze: [c1, bn]}]}
data: {format: synthetic, train: {rows: 1500, classes: 4}, validation: {rows: 60, classes: 4}}
train: {epochs: 4, batch_size: 12}
optimizer: {type: adam, learning_rate: 0.003}
lr_scheduler: {type: cosine, warmup_steps: 5}
checkpoint: {every_steps: 20, keep_last: 2, keep_best: val_loss}
YAML

expect 0 'epoch 4/4' 'undisturbed' ranks 2 train net.yaml --run-dir whole

lines() { grep -vc '"event":"start"' "$1/metrics.jsonl"; } # one of these for each process
# Until that many are there, or the process has ended: a place in the run, however fast the machine is at the moment.
wait_for_lines() { # FOLDER LINES PROCESS
    while [ -d "/proc/$3" ] && ! { [ -f "$1/metrics.jsonl" ] && [ "$(lines "$1")" -ge "$2" ]; }; do sleep 0.01; done
}
# Of the ranks of one mpirun: the children of its process.
rank_pids() { cat /proc/"$1"/task/*/children 2>/dev/null; }

killed=0
for trial in $(seq "$trials"); do
    dir=run$trial
    mpirun -q -np 2 "$FROSTLINE" train net.yaml --run-dir "$dir" >"$work/out" 2>&1 &
    mpi=$!
    wait_for_lines "$dir" $((RANDOM % ($(lines whole) * 3 / 4))) $mpi
    victim=$(rank_pids $mpi | tr ' ' '\n' | grep . | shuf -n 1)
    [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
    wait $mpi
    code=$?
    [ $code -ne 0 ] && killed=$((killed + 1))
    expect 0 '' "trial $trial, resumed" ranks 2 train net.yaml --run-dir "$dir" --resume
    same whole/checkpoints/latest/model.safetensors "$dir/checkpoints/latest/model.safetensors"
    same whole/checkpoints/best/model.safetensors "$dir/checkpoints/best/model.safetensors"
    checks=$((checks + 1))
    [ "$(lines whole)" = "$(lines "$dir")" ] || fail "trial $trial: metrics.jsonl has $(lines "$dir") lines instead of $(lines whole)"
done
echo "$killed of $trials runs were killed before their end"
checks=$((checks + 1))
[ "$killed" -ge $((trials / 2)) ] || fail "only $killed of $trials runs were killed before their end"

# Features are kept from whatever batch met them first; a run that is resumed meets its rows in others. No bit may tell.
for layer in 'conv2d: {name: c1, filters: 6, kernel_size: 3, activation: gelu}' 'conv2d: {name: c1, filters: 6, kernel_size: 1, activation: tanh}' \
    'flatten: {name: c1}'; do
    cat >kept.yaml <<YAML
name: kept
model:
  input: [8, 8, 3]
  layers:
    - $layer
    - flatten
    - dense: {name: d1, units: 20, activation: tanh}
    - dense: {name: d2, units: 3}
freeze: {layers: [c1, d1]}
data: {format: synthetic, train: {rows: 205, classes: 3}, cache_features: memory}
train: {epochs: 4, batch_size: 40}
YAML
    rm -rf kept-whole kept-parts
    expect 0 'epoch 4/4' "kept, $layer" ranks 1 train kept.yaml --run-dir kept-whole
    expect 0 'epoch 2/2' "kept, $layer, half" ranks 1 train kept.yaml train.epochs=2 --run-dir kept-parts
    expect 0 'epoch 4/4' "kept, $layer, the other half" ranks 1 train kept.yaml --run-dir kept-parts --resume
    same kept-whole/checkpoints/latest/model.safetensors kept-parts/checkpoints/latest/model.safetensors
done

# Stopped by SIGUSR1: exit 75, and it goes on; at another rank count to rounding.
mpirun -q -np 2 "$FROSTLINE" train net.yaml --run-dir stopped >"$work/out" 2>&1 &
mpi=$!
for _ in $(seq 100); do [ -e stopped/checkpoints/latest ] && break || sleep 0.05; done
kill -USR1 $mpi
wait $mpi
code=$? checks=$((checks + 1))
[ $code -eq 75 ] || fail "SIGUSR1: exit code $code instead of 75"
expect 0 '' 'resumed at 3 ranks' ranks 3 train net.yaml --run-dir stopped --resume
near whole/checkpoints/latest/model.safetensors stopped/checkpoints/latest/model.safetensors 2e-3

# A damaged newest checkpoint falls back to the one before, and says so.
cp -r run1 damaged
newest=damaged/checkpoints/$(readlink damaged/checkpoints/latest)
printf 'x' | dd of="$newest/model.safetensors" bs=1 seek=700 conv=notrunc status=none
sed -i 's/"finished"/"running"/' damaged/status.json
expect 0 'warning' 'damaged newest' ranks 2 train net.yaml --run-dir damaged --resume
same whole/checkpoints/latest/model.safetensors damaged/checkpoints/latest/model.safetensors

# Another config is refused, with what differs.
expect 2 'train.batch_size: 12 there, 13 here' 'another config' ranks 2 train net.yaml train.batch_size=13 --run-dir run1 --resume
expect 0 'finished' 'finished already' ranks 2 train net.yaml --run-dir run1 --resume
expect 2 'no run' 'nothing to resume' frostline train net.yaml --resume=nowhere
finish
