#!/usr/bin/env bash
# Speed costs no accuracy: the quick start, made small (14×14 pixels, for the plain kernels are slow), reaches the same with the plain kernels, with fast ones, and
# with features that are kept, at 1 and 2 ranks.
configs=$(cd "$(dirname "$0")/../configs" && pwd)
. "$(dirname "$0")/run.inc.sh"
if [ ! -e /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz ]; then
    echo "skipped: no images; they are in Debian's package dataset-fashion-mnist"
    exit 77
fi
ln -s "$configs" configs # paths in the configs start at the project's folder

# accuracy NAME RANKS override…: prints that of the validation set after the last epoch
accuracy() {
    local name=$1 ranks=$2
    shift 2
    expect 0 'epoch 4/4' "$name" ranks "$ranks" train configs/04_quickstart.yaml model.input=[14,14,1] \
        data.image_size=[14,14] data.limit=400 'data.validation={split: 0.01}' train.epochs=4 train.batch_size=20 "$@" --run-dir "$name"
    last=$(grep '"epoch",' "$name/metrics.jsonl" | tail -1 | grep -oE '"val_accuracy": *[0-9.]+' | grep -oE '[0-9.]+$')
    echo "$name: $last"
}
# close A B WHAT: within 0.01
close() {
    checks=$((checks + 1))
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a > 0.5 && d <= 0.01 && d >= -0.01) }' ||
        fail "$3: accuracy $2 instead of $1"
}

FROSTLINE_ISA=reference accuracy reference 2
plain=$last
accuracy fast 1 data.cache_features=off && close "$plain" "$last" 'fast kernels'
accuracy kept 1 data.cache_features=memory && close "$plain" "$last" 'features kept in memory'
accuracy file 2 data.cache_features=disk && close "$plain" "$last" 'features kept on disk, 2 ranks'
finish
