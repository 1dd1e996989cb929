#!/usr/bin/env bash
# What the project was founded for: ten epochs of a new head on frozen VGG16, over a folder of photos, on two ranks, from
# mpirun to its exit with decoding and all; against ten times an epoch of PyTorch, which decodes and runs the base anew
# each time and saves nothing (here the net is saved once). Last the same without kept features: the losses are to be the same.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/founding.sh [-n ROUNDS] [-a] FOLDER
#
# FOLDER has one folder of photos per class. -a: leave the run without features out. Exit code 77: no torch.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch, PIL' 2>/dev/null; then
    echo "skipped: no torch, or no PIL (FROSTLINE_PYTHON names a Python that has them)"
    exit 77
fi
. "$here/../../cluster/mpi-env.sh"

rounds=1 compare=yes
while getopts n:a option; do
    case $option in
    n) rounds=$OPTARG ;;
    a) compare=no ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ -d "${1-}" ] || { echo "usage: founding.sh [-n ROUNDS] [-a] FOLDER" >&2 && exit 2; }
folder=$(cd "$1" && pwd)
classes=$(find "$folder" -mindepth 1 -maxdepth 1 -type d | wc -l)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
cat >"$work/net.yaml" <<YAML
name: founding
output_dir: $work/runs
model:
  base: vgg16
  include_top: false
  input: [224, 224, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: $classes, activation: softmax}}]
freeze: {layers: [vgg16]}
data: {format: image_folder, train: "$folder", normalize: imagenet}
train: {epochs: 10, batch_size: 16}
optimizer: {type: adam, learning_rate: 0.001}
checkpoint: {every_epochs: 10}
YAML
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }
losses() { grep '"event": *"epoch"' "$1/metrics.jsonl" | sed 's/.*"loss": *\([0-9.e+-]*\).*/\1/'; }

frostline() { # RUN override…: seconds of the whole command
    local run=$work/$1 start
    shift
    rm -rf "$run" "$work/runs"
    start=$EPOCHREALTIME
    mpirun -q -np 2 "$FROSTLINE" train "$work/net.yaml" "$@" --run-dir "$run" >/dev/null 2>"$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
torch() { # seconds of an epoch
    local rank
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$((20000 + RANDOM % 20000)) WORLD_SIZE=2
    for rank in 1 0; do RANK=$rank "$python" -B "$here/torch_founding.py" "$folder" & done | tee "$work/json" >/dev/null
    sed 's/.*\[\([0-9.]*\).*/\1/' "$work/json"
}

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    frostline kept >>"$work/frostline"
    torch >>"$work/torch"
done
awk -v ours="$(median <"$work/frostline")" -v epoch="$(median <"$work/torch")" 'BEGIN {
    printf "Frostline, ten epochs, all in all   %8.2f s\n", ours
    printf "PyTorch, ten times an epoch         %8.2f s  %.1f ×\n", 10 * epoch, 10 * epoch / ours }'
[ $compare = no ] && exit
frostline anew data.cache_features=off >"$work/anew.seconds"
awk -v s="$(cat "$work/anew.seconds")" 'BEGIN { printf "Frostline, features not kept        %8.2f s\n", s }'
paste <(losses "$work/kept") <(losses "$work/anew") | awk '
    { d = $1 > $2 ? $1 - $2 : $2 - $1; r = d / ($2 > 1e-3 ? $2 : 1e-3); if (r > most) most = r; printf "  %.6f %.6f\n", $1, $2 }
    END { printf "largest relative difference of the losses: %.1e\n", most }'
