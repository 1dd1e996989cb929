#!/usr/bin/env bash
# The most memory that training VGG16 with a new head holds on a node, all ranks together, here and in PyTorch under
# DistributedDataParallel, in alternation; and what `frostline plan` and the run itself say of it.
#
#   FROSTLINE=build/frostline [FROSTLINE_PYTHON=python] tests/bench/memory.sh [-n ROUNDS] [-s STEPS] [-o CASES]
#
# 8 rows of 224×224 a rank, Adam. Ours is a whole run with its loader and a checkpoint, PyTorch's the bare step of
# torch_step.py. CASES is a glob over freeze/ranks, such as 'base/*'. Exit code 77: no torch. The machine is to be idle.
set -uo pipefail
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi
. "$here/../../cluster/mpi-env.sh"

rounds=3 steps=3 only='*'
while getopts n:s:o: option; do
    case $option in
    n) rounds=$OPTARG ;;
    s) steps=$OPTARG ;;
    o) only=$OPTARG ;;
    *) exit 2 ;;
    esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/base.yaml" <<YAML
model:
  base: vgg16
  include_top: false
  input: [224, 224, 3]
  layers: [flatten, {dense: {units: 256, activation: relu}}, {dense: {units: 10, activation: softmax}}]
freeze: {layers: [vgg16]}
data: {format: synthetic, train: {rows: 8, classes: 10}, cache_features: off}
optimizer: {type: adam, learning_rate: 0.001}
YAML
grep -v '^freeze' "$work/base.yaml" >"$work/none.yaml"
export OMP_NUM_THREADS=1

frostline() { # FREEZE RANKS
    local batch=$((8 * $2)) settings
    settings=("$work/$1.yaml" "train.batch_size=$batch" "data.train.rows=$((batch * steps))")
    rm -rf "$work/run"
    "$python" -B "$here/memory_peak.py" mpirun -q -np "$2" "$FROSTLINE" train "${settings[@]}" --progress none \
        --run-dir "$work/run" 2>"$work/log" || { cat "$work/log" >&2 && return 1; }
    grep -o '"node_memory_bytes":[0-9]*' "$work/run/metrics.jsonl" | cut -d: -f2
    "$FROSTLINE" plan "${settings[@]}" --np "$2" --json | tr ',{' '\n\n' | awk -F: -v ranks="$2" '
        /"memory_bytes_per_rank"/ { rank = $2 } /"memory_bytes_per_node_shared"/ { node = $2 }
        END { print rank * ranks + node }'
}
torch() { # FREEZE RANKS
    # shellcheck disable=SC2016 # the inner shell expands
    MASTER_ADDR=127.0.0.1 MASTER_PORT=$((20000 + RANDOM % 20000)) WORLD_SIZE=$2 \
        "$python" -B "$here/memory_peak.py" bash -c '
            for ((rank = WORLD_SIZE - 1; rank >= 0; rank--)); do RANK=$rank "$@" & done
            wait' torch "$python" -B "$here/torch_step.py" --freeze "$1" --steps "$steps" 2>"$work/log"
    grep -o '"pss_bytes_all_ranks": [0-9]*' "$work/log" | cut -d: -f2
}

cases=()
for case in {base,none}/{2,4}; do
    # shellcheck disable=SC2053 # a glob is meant
    [[ $case == $only ]] && cases+=("$case")
done
[ ${#cases[@]} -gt 0 ] || { echo "no case matches '$only'" >&2 && exit 2; }
for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do
        IFS=/ read -r freeze ranks <<<"$case"
        ours=$(frostline "$freeze" "$ranks") || exit 1
        theirs=$(torch "$freeze" "$ranks") || exit 1
        echo "$case" $ours $theirs >>"$work/table" # peak, said, planned; peak, said
    done
done

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
column() { awk -v case="$1" -v i="$2" '$1 == case { print $i }' "$work/table" | median; }
echo "# MB on a node, all ranks together; medians of $rounds alternating runs. peak: the most at any moment, checkpoint"
echo "# included; steps: after the last step, as each says of itself; planned: by frostline plan, and as a share of that"
echo "frozen ranks  peak: ours  torch's  ratio  steps: ours  torch's  ratio  planned  share"
for case in "${cases[@]}"; do
    echo "$case" "$(column "$case" 2)" "$(column "$case" 5)" "$(column "$case" 3)" "$(column "$case" 6)" \
        "$(column "$case" 4)" | awk '{
            split($1, c, "/")
            printf "%-6s %5d  %10.0f %8.0f %6.2f %12.0f %8.0f %6.2f %8.0f %6.3f\n", c[1], c[2],
                $2 / 1e6, $3 / 1e6, $2 / $3, $4 / 1e6, $5 / 1e6, $4 / $5, $6 / 1e6, $6 / $4
        }'
done
