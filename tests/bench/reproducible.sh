#!/usr/bin/env bash
# What `distributed.reproducible: ranks` costs: the step of a small VGG16 of which block 5 and a new head train, on one rank and
# on two, as it is by default (reducer `overlap`) and with 8 and with 2 virtual shards. The ways take turns.
#
#   FROSTLINE=build/frostline tests/bench/reproducible.sh [-n ROUNDS] [-s STEPS]
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
. "$(cd "$(dirname "$0")" && pwd)/../../cluster/mpi-env.sh"

rounds=3 steps=5
while getopts n:s: option; do
    case $option in
    n) rounds=$OPTARG ;;
    s) steps=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
cat >"$work/net.yaml" <<'YAML'
name: small-vgg
model:
  base: vgg16
  include_top: false
  input: [64, 64, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
freeze: {until: block4_pool}
data: {format: synthetic, train: {rows: 64, classes: 10}, cache_features: off}
train: {batch_size: 64}
optimizer: {type: adam, learning_rate: 0.0001}
YAML

median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }
seconds() { # RANKS override…: the median step
    local n=$1
    shift
    mpirun -q -np "$n" "$FROSTLINE" bench step "$work/net.yaml" --steps "$steps" --warmup 1 "$@" 2>"$work/log" |
        awk '$1 == "step" { print $2 }'
    [ "${PIPESTATUS[0]}" -eq 0 ] || { cat "$work/log" >&2; exit 1; }
}

for ((i = 0; i < rounds; i++)); do
    for n in 1 2; do
        seconds "$n" >>"$work/off-$n" || exit 1
        for shards in 8 2; do
            seconds "$n" distributed.reproducible=ranks distributed.virtual_shards=$shards >>"$work/$shards-$n" || exit 1
        done
    done
done
echo "ranks   off ms   shards   reproducible ms   times   (batch of 64, median of $rounds rounds of $steps steps)"
for n in 1 2; do
    for shards in 8 2; do
        paste <(median <"$work/off-$n") <(median <"$work/$shards-$n") |
            awk -v n="$n" -v s="$shards" '{ printf "%5d %8.1f %8d %17.1f %7.2f\n", n, 1000 * $1, s, 1000 * $2, $2 / $1 }'
    done
done
