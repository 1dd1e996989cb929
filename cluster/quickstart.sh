#!/usr/bin/env bash
# Frostline in two minutes, on real images and two ranks.
#
#   bash cluster/quickstart.sh
#
# A small net in the manner of VGG has learnt five kinds of clothing (configs/04_quickstart_pretrain.yaml). Here it
# learns five others three times over: with that base frozen below a new head, with nothing frozen, and from nothing;
# on many images and on few. Then a table of what each took, and what the first net says of an image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ranks=2
config=configs/04_quickstart.yaml
runs=runs/quickstart

. cluster/packages.sh
. cluster/mpi-env.sh
packages_install
mkdir -p "$runs"
configure=(cmake --preset release)
[ -f build/CMakeCache.txt ] || configure+=(-G Ninja)
echo 'building …'
if ! { "${configure[@]}" && cmake --build build --parallel "$(nproc)" --target frostline; } >"$runs/build.log" 2>&1; then
    cat "$runs/build.log" >&2
    exit 1
fi
frostline=build/frostline

# train NAME override…
train() {
    local name=$1
    shift
    echo
    echo "$name: mpirun -np $ranks frostline train $config $*"
    rm -rf "${runs:?}/$name"
    mpirun -q -np "$ranks" "$frostline" train "$config" "$@" --run-dir "$runs/$name" --progress none </dev/null
}

# row NAME WHAT IMAGES: a line of the table, from the run's epochs.csv
row() {
    awk -F, -v what="$2" -v images="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            seconds += $at["seconds"]; reduced += $at["payload_bytes"]; accuracy = $at["val_accuracy"]
            if ($at["memory_bytes"] > memory) memory = $at["memory_bytes"]
        }
        END {
            printf "%-14s %7d %9.1f s %10.1f MB %10.1f MB %10.3f\n", what, images, seconds, reduced / 1e6, memory / 1e6, accuracy
        }' "$runs/$1/epochs.csv"
}

echo
"$frostline" summary "$config"
for images in 6000 1000; do
    train "frozen-$images" "data.limit=$images"
    train "unfrozen-$images" "data.limit=$images" '~freeze.layers'
    train "nothing-$images" "data.limit=$images" '~freeze.layers' '~model.weights'
done

echo
printf '%-14s %7s %11s %13s %13s %10s\n' '' images training reduced 'memory/rank' accuracy
for images in 6000 1000; do
    row "frozen-$images" 'frozen base' "$images"
    row "unfrozen-$images" 'all trained' "$images"
    row "nothing-$images" 'from nothing' "$images"
done
echo 'reduced: gradient summed over the ranks; accuracy: on 5,000 test images; each run: report.html in its folder'

echo
"$frostline" sample "$config" --row 17 --output "$runs/sample.png"
"$frostline" predict "$config" --weights "$runs/frozen-6000/checkpoints/latest/model.safetensors" "$runs/sample.png"
