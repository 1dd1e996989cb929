#!/usr/bin/env bash
# From mpirun to the end of the first step, phase by phase: VGG16 frozen below a new head, 8 rows of 224×224 a rank.
#
#   FROSTLINE=build/frostline tests/bench/startup.sh [-n ROUNDS] [-w WEIGHTS.safetensors]
#
# Its weights are those of the seed and those of a file, whose pages are in memory: WEIGHTS, or else what the first run
# saved. Seconds as the run recorded them (the event "start" of metrics.jsonl); `total` begins before mpirun does.
# Medians. The machine is to be idle.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../cluster/mpi-env.sh"

rounds=5 weights=
while getopts n:w: option; do
    case $option in
    n) rounds=$OPTARG ;;
    w) weights=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

cat >"$work/net.yaml" <<YAML
model:
  base: vgg16
  include_top: false
  input: [224, 224, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
freeze: {layers: [vgg16]}
data: {format: synthetic, train: {rows: 8, classes: 10}}
optimizer: {type: adam, learning_rate: 0.001}
YAML

run() { # RANKS [SETTING…]
    local ranks=$1 rows=$((8 * $1)) began
    shift
    rm -rf "$work/run"
    began=$(date +%s.%N)
    mpirun -q -np "$ranks" "$FROSTLINE" train "$work/net.yaml" "train.batch_size=$rows" "data.train.rows=$rows" "$@" \
        --progress none --run-dir "$work/run" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
    grep '"event":"start"' "$work/run/metrics.jsonl" | tr -d '{}"' | sed 's/seconds://' | awk -F, -v began="$began" '{
        for (i = 2; i <= NF; i++) {
            split($i, part, ":")
            if (part[1] == "step") continue
            if (part[1] == "ended") printf "total %.4f\n", part[2] - began
            else { sub(/ /, "_", part[1]); print part[1], part[2] }
        }
    }'
}

run 1 >/dev/null
if [ -z "$weights" ]; then
    weights=$work/weights.safetensors
    cp "$work/run/checkpoints/latest/model.safetensors" "$weights"
fi
cat "$weights" >/dev/null
for ((round = 1; round <= rounds; round++)); do
    for ranks in 1 2; do
        run "$ranks" | sed "s/^/seed-$ranks /" >>"$work/table"
        run "$ranks" "model.weights=$weights" | sed "s/^/file-$ranks /" >>"$work/table"
    done
done

echo "# seconds to the end of the first step; medians of $rounds runs"
awk '
    !($2 in at) { at[$2] = ++n; name[n] = $2 }
    { value[$1, $2, ++count[$1, $2]] = $3; cases[$1] }
    function median(c, p,    i, j, m, t) {
        m = count[c, p]
        for (i = 1; i <= m; i++)
            for (j = i + 1; j <= m; j++)
                if (value[c, p, j] < value[c, p, i]) { t = value[c, p, i]; value[c, p, i] = value[c, p, j]; value[c, p, j] = t }
        return value[c, p, int((m + 1) / 2)]
    }
    END {
        printf "%-7s %5s", "weights", "ranks"
        for (p = 1; p <= n; p++) printf " %10s", name[p]
        print ""
        for (c in cases) {
            split(c, key, "-")
            printf "%-7s %5s", key[1], key[2]
            for (p = 1; p <= n; p++) printf " %10.3f", median(c, name[p])
            print ""
        }
    }' "$work/table"
