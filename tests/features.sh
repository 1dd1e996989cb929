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

kept() { grep '"epoch",' "$1/metrics.jsonl" | grep -oE '"features_kept": *[0-9.a-z]+' | grep -oE '[0-9.a-z]+$' | sed 's/\.0$//' | tr '\n' ' '; }
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
        check_kept $place$n '0 1 1 '
    done
done

# The file of the last run is found again: nothing static is run at all.
expect 0 'epoch 3/3' 'again' ranks 2 train net.yaml data.cache_features=disk --run-dir again
near off/$weights again/$weights 2e-4
check_kept again '1 1 1 '

# Damaged: the rows that are hit are run again, and the result is what it was.
for file in runs/features/*-training.cache; do printf 'damage' | dd of="$file" bs=1 seek=9000 conv=notrunc status=none; done
expect 0 'epoch 3/3' 'damaged' frostline train net.yaml data.cache_features=disk --run-dir damaged
near off/$weights damaged/$weights 2e-4
checks=$((checks + 1))
kept damaged | grep -qE '^0\.9' || fail "a damaged row was trusted: kept $(kept damaged)"

# Other weights below the frost line: another file.
expect 0 'epoch 1/1' 'another seed' frostline train net.yaml data.cache_features=disk seed=5 train.epochs=1 --run-dir seed
check_kept seed '0 '

# Augmentation: auto does without, and says so where it was asked for.
augment='data.augment={horizontal_flip: true, random_crop: {padding: 2}}'
expect 0 'epoch 3/3' 'augmented' frostline train net.yaml "$augment" --run-dir augmented
check_kept augmented 'null null null '
expect 2 'cache_variants' 'augmented and kept' frostline train net.yaml "$augment" data.cache_features=memory
expect 2 'static' 'nothing static' frostline train net.yaml '~freeze' data.cache_features=memory

# Variants: what is learnt does not depend on whether they are kept, nor on the ranks; from the third epoch on two of them
# are all there, and a file of them is found again.
variants=("$augment" data.cache_variants=2 train.epochs=5)
expect 0 'epoch 5/5' 'variants, not kept' frostline train net.yaml "${variants[@]}" data.cache_features=off --run-dir variants-off
for n in 1 3; do
    expect 0 'epoch 5/5' "variants, $n ranks" ranks $n train net.yaml "${variants[@]}" --run-dir variants$n
    near variants-off/$weights variants$n/$weights 2e-4
    check_kept variants$n '0 0 1 1 1 '
done
expect 0 'epoch 5/5' 'variants, a file' frostline train net.yaml "${variants[@]}" data.cache_features=disk --run-dir variants-disk
expect 0 'epoch 5/5' 'variants, again' ranks 2 train net.yaml "${variants[@]}" data.cache_features=disk --run-dir variants-again
near variants-off/$weights variants-again/$weights 2e-4
check_kept variants-again '1 1 1 1 1 '
expect 0 'epoch 5/5' 'other draws' frostline train net.yaml "${variants[@]}" data.cache_features=disk data.cache_variants=3 --run-dir variants-more
check_kept variants-more '0 0 0 1 1 '
expect 1 'differs' 'one variant is not two' "$COMPARE" variants-off/$weights augmented/$weights 1e-3

# float16: half the room, and a loss that is near, but not the same.
expect 0 'epoch 3/3' 'float16' frostline train net.yaml data.cache_features=memory data.cache_dtype=float16 --run-dir half
check_kept half '0 1 1 '
expect 1 'differs' 'float16 rounds' "$COMPARE" off/$weights half/$weights 0
losses() { grep '"epoch",' "$1/metrics.jsonl" | grep -oE '"(val_)?loss": *[0-9.e+-]+' | grep -oE '[0-9.e+-]+$'; }
checks=$((checks + 1))
paste <(losses off) <(losses half) | awk '{ d = $1 > $2 ? $1 - $2 : $2 - $1; n++; if (d > 2e-3 * $1) bad = 1; if (d > 0) other = 1 }
    END { exit !(n == 6 && other && !bad) }' || fail "float16: losses $(losses half | tr '\n' ' ')instead of $(losses off | tr '\n' ' ')"
# Whether a row was there before or not, it is the rounded one.
half=(data.cache_features=disk data.cache_dtype=float16)
expect 0 'epoch 3/3' 'float16, a file' frostline train net.yaml "${half[@]}" --run-dir half-first
expect 0 'epoch 3/3' 'float16, again' frostline train net.yaml "${half[@]}" --run-dir half-second
check_kept half-second '1 1 1 '
same half-first/$weights half-second/$weights

# Several nodes, each with a table of its own: no row is computed twice, and what is learnt is what one node learns.
for n in 2 4; do
    expect 0 'epoch 3/3' "$n ranks of one node" ranks $n train net.yaml data.cache_features=memory distributed.reducer=tree --run-dir together$n
    for per in 1 2; do
        [ $per -lt $n ] || continue
        for place in memory disk; do
            rm -rf runs
            FROSTLINE_RANKS_PER_NODE=$per expect 0 'epoch 3/3' "$n ranks, $per a node" ranks $n train net.yaml \
                data.cache_features=$place distributed.reducer=tree --run-dir apart$n-$per-$place
            check_kept apart$n-$per-$place '0 1 1 '
            same together$n/$weights apart$n-$per-$place/$weights
        done
    done
done
FROSTLINE_RANKS_PER_NODE=1 expect 0 'epoch 3/3' 'nodes, again' ranks 3 train net.yaml data.cache_features=disk --run-dir apart-again
check_kept apart-again '1 1 1 ' # a node that finds no file is sent what the others found
FROSTLINE_RANKS_PER_NODE=1 expect 0 'epoch 5/5' 'nodes and variants' ranks 3 train net.yaml "${variants[@]}" data.cache_dtype=float16 --run-dir apart-variants
check_kept apart-variants '0 0 1 1 1 '

# A thaw that moves the frost line: the features begin anew, and the run is that of one without them.
thaw='freeze.schedule=[{epoch: 2, unfreeze: [c2]}]'
expect 0 'epoch 3/3' 'thawed, without' frostline train net.yaml "$thaw" data.cache_features=off --run-dir thaw-off
expect 0 'epoch 3/3' 'thawed' ranks 2 train net.yaml "$thaw" data.cache_features=memory --run-dir thaw
near thaw-off/$weights thaw/$weights 5e-4
check_kept thaw '0 0 1 '
thaw='freeze.schedule=[{epoch: 5, unfreeze: [c2]}]'
expect 0 'epoch 7/7' 'thawed variants, without' frostline train net.yaml "${variants[@]}" "$thaw" train.epochs=7 data.cache_features=off --run-dir thaw-variants-off
expect 0 'epoch 7/7' 'thawed variants' ranks 2 train net.yaml "${variants[@]}" "$thaw" train.epochs=7 --run-dir thaw-variants
near thaw-variants-off/$weights thaw-variants/$weights 1e-3
check_kept thaw-variants '0 0 1 1 0 0 1 '

# A thaw above the line leaves it, and what crosses it, where it was.
expect 0 'epoch 3/3' 'a thaw above' frostline train net.yaml 'freeze.layers=[d]' 'freeze.schedule=[{epoch: 3, unfreeze: [d]}]' --run-dir above
check_kept above '0 1 1 '

# The plan says what room they take.
expect 0 'Features kept (disk), per node: 120 rows in 2 variants and 30 to validate, 320 B float16 each' 'the plan' \
    frostline plan net.yaml "${variants[@]}" data.cache_features=disk data.cache_dtype=float16
expect 0 '"bytes_per_node": ' 'the plan, for programs' frostline plan net.yaml data.cache_features=memory --json
expect 0 'Features are not kept: augmentation' 'the plan, without' frostline plan net.yaml "$augment"
expect 0 'their number is unknown' 'the plan, without data' frostline plan net.yaml data.format=image_folder data.train=nowhere
expect 2 'cannot be: nothing' 'the plan refuses' frostline plan net.yaml '~freeze' data.cache_features=disk
finish
