#!/usr/bin/env bash
# Kept features change nothing but the time: the same weights with and without, at any rank count, from memory and from
# a file; a file is found again, and rebuilt where it is stale or damaged.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: features
model:
  input: [10, 10, 2]
  layers:
    - conv2d: {name: c1, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: c2, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - max_pool2d: {name: pool, pool_size: 2}
    - conv2d: {name: c3, filters: 6, kernel_size: 3, padding: same, inputs: [pool]}
    - add: {inputs: [c3, pool]}
    - flatten: {name: flat}
    - dropout: {rate: 0.3}
    - dense: {name: d, units: 4, activation: softmax}
freeze: {until: pool}
data: {format: synthetic, train: {rows: 120, classes: 4}, validation: {rows: 30, classes: 4}}
train: {epochs: 3, batch_size: 16}
optimizer: {type: adam, learning_rate: 0.01}
YAML

kept() { grep '"epoch",' "$1/metrics.jsonl" | grep -oE '"features_kept": *[0-9.a-z]+' | grep -oE '[0-9.a-z]+$' | tr '\n' ' '; }
check_kept() { # DIR WORDS: the share of rows that came from the features, epoch by epoch
    checks=$((checks + 1))
    [ "$(kept "$1")" = "$2" ] || fail "$1: features kept were '$(kept "$1")' instead of '$2'"
}
weights=checkpoints/latest/model.safetensors

expect 0 'epoch 3/3' 'without' frostline train net.yaml data.cache_features=off --run-dir off
check_kept off 'null null null '
for n in 1 2 3; do
    for place in memory disk; do
        rm -rf runs
        expect 0 'epoch 3/3' "$place, $n ranks" ranks $n train net.yaml data.cache_features=$place --run-dir $place$n
        near off/$weights $place$n/$weights 2e-4
        checks=$((checks + 1))
        case "$(kept $place$n)" in '0 1 1 ' | '0.0 1.0 1.0 ') ;; *) fail "$place, $n ranks: kept $(kept $place$n)" ;; esac
    done
done

# The file of the last run is found again: nothing static is run at all.
expect 0 'epoch 3/3' 'again' ranks 2 train net.yaml data.cache_features=disk --run-dir again
near off/$weights again/$weights 2e-4
checks=$((checks + 1))
case "$(kept again)" in '1 1 1 ' | '1.0 1.0 1.0 ') ;; *) fail "the file was not found again: kept $(kept again)" ;; esac

# Damaged: the rows that are hit are run again, and the result is what it was.
for file in runs/features/*-training.cache; do printf 'damage' | dd of="$file" bs=1 seek=9000 conv=notrunc status=none; done
expect 0 'epoch 3/3' 'damaged' frostline train net.yaml data.cache_features=disk --run-dir damaged
near off/$weights damaged/$weights 2e-4
checks=$((checks + 1))
kept damaged | grep -qE '^0\.9' || fail "a damaged row was trusted: kept $(kept damaged)"

# Other weights below the frost line: another file.
expect 0 'epoch 1/1' 'another seed' frostline train net.yaml data.cache_features=disk seed=5 train.epochs=1 --run-dir seed
checks=$((checks + 1))
case "$(kept seed)" in '0 ' | '0.0 ') ;; *) fail 'features of other weights were used' ;; esac

# Augmentation: auto does without, and says so where it was asked for.
augment='data.augment={horizontal_flip: true}'
expect 0 'epoch 3/3' 'augmented' frostline train net.yaml "$augment" --run-dir augmented
check_kept augmented 'null null null '
expect 2 'augmentation' 'augmented and kept' frostline train net.yaml "$augment" data.cache_features=memory
expect 2 'static' 'nothing static' frostline train net.yaml '~freeze' data.cache_features=memory

# A thaw that moves the frost line: the features begin anew, and the run is that of one without them.
thaw='freeze.schedule=[{epoch: 2, unfreeze: [c2]}]'
expect 0 'epoch 3/3' 'thawed, without' frostline train net.yaml "$thaw" data.cache_features=off --run-dir thaw-off
expect 0 'epoch 3/3' 'thawed' ranks 2 train net.yaml "$thaw" data.cache_features=memory --run-dir thaw
near thaw-off/$weights thaw/$weights 5e-4
checks=$((checks + 1))
case "$(kept thaw)" in '0 0 1 ' | '0.0 0.0 1.0 ') ;; *) fail "thawed: kept $(kept thaw)" ;; esac
finish
