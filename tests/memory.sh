#!/usr/bin/env bash
# What a run holds is what its plan said; frozen weights that are packed are not kept twice, and are saved all the same.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<YAML
model:
  input: [56, 56, 64]
  layers:
    - conv2d: {name: a, filters: 512, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: b, filters: 512, kernel_size: 3, padding: same, activation: relu}
    - max_pool2d: {pool_size: 4}
    - flatten: {}
    - dense: {name: head, units: 40, activation: softmax}
freeze: {layers: [a, b]}
data: {format: synthetic, train: {rows: 8, classes: 40}}
train: {batch_size: 8}
optimizer: {type: adam, learning_rate: 0.0001}
YAML

number() { grep -oE "\"$1\": ?[0-9]+" "$2" | head -1 | grep -oE '[0-9]+$'; }
within() { # PERCENT A B
    checks=$((checks + 1))
    awk -v p="$1" -v a="$2" -v b="$3" 'BEGIN { d = a - b; exit !(b > 0 && (d < 0 ? -d : d) <= b * p / 100) }' ||
        fail "$2 and $3 differ by more than $1 %"
}

for ranks in 1 2 3; do
    for freeze in 'train.epochs=1' '~freeze'; do
        expect 0 'epoch 1/1' "$ranks ranks, $freeze" ranks "$ranks" train net.yaml "$freeze" --run-dir "run$ranks"
        metrics=run$ranks/metrics.jsonl
        # A sanitizer's shadow is memory that no plan knows of.
        grep -q __asan_init "$FROSTLINE" || within 10 "$(number node_memory_bytes "$metrics")" \
            "$(number planned_node_memory_bytes "$metrics")"
        expect 0 '"event":"start"' "$ranks ranks: the phases of the start" cat "$metrics"
        mv "run$ranks/checkpoints/latest/model.safetensors" "$ranks-$freeze.safetensors"
        rm -rf "run$ranks"
    done
done
near '1-train.epochs=1.safetensors' '2-train.epochs=1.safetensors' 1e-4
near '1-train.epochs=1.safetensors' '3-train.epochs=1.safetensors' 1e-4

# With and without a disk for what is seldom read.
expect 0 'epoch 1/1' 'on a disk' ranks 2 train net.yaml --run-dir disk
expect 0 'epoch 1/1' 'no disk' mpirun -q -np 2 env TMPDIR=/proc "$FROSTLINE" train net.yaml --run-dir no-disk
same disk/checkpoints/latest/model.safetensors no-disk/checkpoints/latest/model.safetensors

expect 0 '"frozen_on_disk": ' 'the plan, for programs' frostline plan net.yaml --np 2 --json
expect 0 'shared per node' 'the plan' frostline plan net.yaml --np 2
finish
