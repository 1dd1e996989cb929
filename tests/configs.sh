#!/usr/bin/env bash
# Every config that comes with Frostline runs, on two ranks and few rows: it says its last epoch, reduces just the bytes
# that its plan foretold, moves what trains, and leaves what is frozen as it was, to the bit.
configs=$(cd "$(dirname "$0")/../configs" && pwd)
. "$(dirname "$0")/run.inc.sh"
if [ ! -e /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz ]; then
    echo "skipped: no images; they are in Debian's package dataset-fashion-mnist"
    exit 77
fi
ln -s "$configs" configs # paths in the configs start at the project's folder

# check NAME EPOCHS FROZEN override…: FROZEN matches the layers that are frozen to the end ('-': none)
check() {
    local name=$1 epochs=$2 frozen=$3 config=configs/$1.yaml
    shift 3
    checked+=("$name")
    expect 0 "epoch $epochs/$epochs" "$name" ranks 2 train "$config" "$@" train.epochs="$epochs" --run-dir "$name"
    expect 0 '' "$name, standing still" ranks 1 train "$config" "$@" train.epochs=1 data.limit=5 optimizer.learning_rate=0 \
        --run-dir "$name-0"
    planned "$name"
    unmoved "$name" "$frozen"
}

# In every line of comm.csv the bytes moved are those of the plan; in those of a rank's sum, more than none, and no more than
# with nothing frozen.
planned() {
    checks=$((checks + 1))
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["payload_bytes"] != $at["planned_payload_bytes"] { bad = 1 }
        $at["bucket"] != "other" && $at["mpi_bytes"] != $at["planned_mpi_bytes"] { bad = 1 }
        $at["bucket"] != "other" && $at["node_bytes"] != $at["planned_node_bytes"] { bad = 1 }
        $at["bucket"] == "all" { n++; real = $at["payload_bytes"]; if (real <= 0 || real > $at["unfrozen_payload_bytes"]) bad = 1 }
        END { exit !(n > 0 && !bad) }' "$1/comm.csv" || fail "$1: moved other bytes than planned"
}

unmoved() {
    checks=$((checks + 2))
    "$COMPARE" "$1-0/checkpoints/latest/model.safetensors" "$1/checkpoints/latest/model.safetensors" 0 >"$work/out" 2>&1
    grep -q ': differs by' "$work/out" || fail "$1: nothing moved"
    grep -E "^($2)\.[a-z_]+: " "$work/out" && fail "$1: something frozen moved"
}

checked=()
few=(data.limit=200 data.validation='{split: 0.005}')
check 01_sequential 1 dense1 "${few[@]}"
check 02_functional 1 dense2 "${few[@]}"
check 03_vgg16_transfer 1 'block.*' model.input=[32,32,3] data.limit=24 data.validation='{split: 0.0005}'
check 04_quickstart_pretrain 1 - "${few[@]}"
check 04_quickstart 1 'base_.*' "${few[@]}"
check 05_gradual_unfreezing 3 'base_conv1_.' "${few[@]}"
check 06_residual 1 'stem.*' "${few[@]}"
check 07_layer_rates 1 'base_conv1_.' "${few[@]}"
check 08_resuming 1 'base_.*' "${few[@]}"

# The payload grows with each thaw of the schedule.
checks=$((checks + 1))
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["rank"] == 0 && $at["bucket"] == "all" { if ($at["payload_bytes"] <= last) bad = 1; last = $at["payload_bytes"] }
    END { exit bad }' 05_gradual_unfreezing/comm.csv ||
    fail 'gradual unfreezing: the payload does not grow'

# None is forgotten here.
for config in configs/*.yaml; do
    name=$(basename "$config" .yaml) checks=$((checks + 1))
    [ "$name" = reference ] || [[ " ${checked[*]} " == *" $name "* ]] || fail "configs/$name.yaml is not tested"
done
finish
