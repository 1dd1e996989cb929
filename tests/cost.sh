#!/usr/bin/env bash
# `frostline plan` with seconds: what is foretold adds up, follows from what `bench layers` and `bench network` print, and
# falls with what is frozen; --what-if has every depth; what cannot be foretold is said before anything is measured.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: cost
model:
  input: [24, 24, 3]
  layers:
    - conv2d: {name: c1, filters: 32, kernel_size: 3, padding: same, activation: relu}
    - batch_norm: {name: n1}
    - max_pool2d: {name: pool, pool_size: 2}
    - conv2d: {name: c2, filters: 64, kernel_size: 3, padding: same, activation: relu}
    - flatten: {name: flat}
    - dense: {name: d1, units: 64, activation: relu}
    - dense: {name: d2, units: 5, activation: softmax}
data: {format: synthetic, train: {rows: 160, classes: 5}}
train: {batch_size: 16}
YAML
number() { grep -oE "\"$2\": *[-0-9.e+]+" "$1" | head -1 | grep -oE '[-0-9.e+]+$'; }
all() { grep -oE "\"$2\": *[-0-9.e+]+" "$1" | grep -oE '[-0-9.e+]+$'; }
holds() { # WHAT CONDITION: of awk
    checks=$((checks + 1))
    awk "BEGIN { exit !($2) }" || fail "$1: $2"
}

# ---- one plan ----

expect 0 'sums that nothing hides' 'a table' frostline plan net.yaml --np 2 --measure 'freeze={until: pool}'
grep -q 'once all features are kept' out || fail 'nothing of kept features'
expect 0 '' 'as JSON' frostline plan net.yaml --np 2 --measure --json 'freeze={until: pool}'
grep '^{' out >plan.json
grep -o '"predicted_time": {[^}]*}' plan.json >time.json
parts=0
for part in data static forward backward reduce_exposed update other; do
    parts="$parts + $(number time.json $part)"
done
holds 'the parts are the step' "(($parts) / $(number plan.json predicted_step_seconds) - 1) ^ 2 < 1e-18"
holds 'kept features save the static part' "$(number plan.json predicted_cached_step_seconds) < $(number plan.json predicted_step_seconds)"
for nothing in data.cache_features=off 'data.augment={horizontal_flip: true}'; do
    expect 0 '' "nothing kept: $nothing" frostline plan net.yaml --np 2 --measure --json 'freeze={until: pool}' "$nothing"
    checks=$((checks + 1))
    ! grep -q predicted_cached out || fail "a step on features that $nothing does not keep"
done
expect 0 '' 'variants come again' frostline plan net.yaml --measure --json 'freeze={until: pool}' 'data.augment={horizontal_flip: true}' data.cache_variants=2
grep -q predicted_cached out || fail 'no step on kept variants'
expect 0 '' 'without being asked' frostline plan net.yaml --np 2 --json
checks=$((checks + 1))
! grep -q predicted_ out || fail 'seconds that nobody asked for'

# ---- the network: an hour's latency and a slow wire stand out ----

network() { printf '{"latency_seconds": %s, "bytes_per_second": %s}\n' "$1" "$2" >"$3"; }
network 0 1e12 ideal.json
network 1 1e12 late.json
network 0 1e6 slow.json
for net in ideal late slow; do
    expect 0 '' "network $net" frostline plan net.yaml --np 2 --nodes 2 --network $net.json --json
    grep '^{' out >plan-$net
    grep -o '"predicted_time": {[^}]*}' plan-$net >$net
done
# Two nodes send each other half of each bucket, and the sum back, all buckets at once; control sums: one more message.
bytes=$(number plan-slow payload_bytes) buckets=$(grep -oE '"buckets": *\[.*' plan-late | grep -o '"index"' | wc -l)
exposed() { number "$1" reduce_exposed; }
holds 'latency' "($(exposed late) - $(exposed ideal) - 2 - 1) ^ 2 < 0.01"
holds 'rate' "($(number slow reduce) - $(number ideal reduce)) / ($bytes / 1e6) - 1 < 1e-6"
holds 'rate, the other way' "($(number slow reduce) - $(number ideal reduce)) / ($bytes / 1e6) - 1 > -1e-6"
holds 'what backward hides' "$(exposed slow) < $(number slow reduce)"

expect 0 '' 'one after the other' frostline plan net.yaml --np 2 --nodes 2 --network late.json --json distributed.reducer=blocking
grep '^{' out | grep -o '"predicted_time": {[^}]*}' >blocking
holds 'latency, one after the other' "$buckets > 1 && ($(exposed blocking) - $(exposed ideal) - 2 * $buckets - 1) ^ 2 < 0.01"
holds 'nothing hides what is blocking' "($(exposed blocking) - $(number blocking reduce) - 1) ^ 2 < 1e-12"
expect 0 '' 'several ranks a node' frostline plan net.yaml --np 4 --nodes 2 --network slow.json --json
grep '^{' out | grep -o '"predicted_time": {[^}]*}' >shared
holds 'as many bytes between nodes, and more within' "$(number shared reduce) > $(number slow reduce)"

# ---- each reducer, beside the same sums simulated ----

network 0.0001 1e8 link.json
buckets_of() { # PLAN: as a script of `frostline simulate` has them
    grep -oE '"buckets": *\[.*' "$1" | grep -oE '"bytes": *[0-9]+' | grep -oE '[0-9]+$' |
        awk '{ printf "%s{\"floats\":%d,\"ready_seconds\":0}", comma, $1 / 4; comma = "," }'
}
simulated() { # REDUCER NP PLAN: seconds that ranks wait if they do nothing else
    echo "{\"np\":$2,\"reducer\":\"$1\",\"memory_bytes_per_second\":1e15,\"buckets\":[$(buckets_of "$3")]}" >script.json
    "$FROSTLINE" simulate script.json --network link.json --json 2>err | grep -oE '"exposed_seconds":[-0-9.e+]+' | cut -d: -f2
}
for point in 'blocking 3' 'overlap 4' 'overlap 16' 'sharded 2' 'sharded 16' 'tree 2' 'tree 5' 'tree 16'; do
    read -r way np <<<"$point"
    expect 0 '' "$point" frostline plan net.yaml --np "$np" --nodes "$np" --network link.json --json distributed.reducer="$way" distributed.bucket_mb=1
    grep '^{' out >plan-way
    seconds=$(simulated "$way" "$np" plan-way)
    if grep -q 'install libsimgrid-dev' err; then
        echo 'the reducers are not compared with simulations: this build has none (bash cluster/packages.sh --simgrid)'
        break
    fi
    holds "$point, simulated" "(${seconds:-0} / $(grep -o '"predicted_time": {[^}]*}' plan-way | grep -oE '"reduce": *[-0-9.e+]+' | grep -oE '[-0-9.e+]+$') - 1) ^ 2 < 0.03 ^ 2"
done

# ---- hosts: one file may stand for one node ----

echo 'localhost slots=2' >one-node
expect 0 '"nodes": 1,' 'all on one host' frostline plan net.yaml --np 2 --hosts one-node --json
checks=$((checks + 1))
grep -q '"network": null' out || fail 'a network within one node'
expect 0 '"network": null' 'depths on one host' frostline plan net.yaml --np 1,2 --hosts one-node --what-if --json

# ---- micro-batches: their rows are a half, and the sums wait for the second ----

expect 0 '' 'two micro-batches' frostline plan net.yaml --np 2 --nodes 2 --network slow.json --json train.gradient_accumulation_steps=2
grep '^{' out | grep -o '"predicted_time": {[^}]*}' >halves
holds 'as many bytes' "($(number halves reduce) - $(number slow reduce)) ^ 2 < 1e-12"
holds 'computing is about the same' "$(number halves backward) < 4 * $(number slow backward) && $(number halves backward) > $(number slow backward) / 4"

# ---- every depth ----

expect 0 'until pool' 'depths' frostline plan net.yaml --np 1,2 --nodes 2 --network slow.json --what-if
expect 0 '' 'depths as JSON' frostline plan net.yaml --np 1,2 --nodes 2 --network slow.json --what-if --json
grep '^{' out >depths
checks=$((checks + 1))
grep -q cached_step_seconds depths || fail 'no depth keeps features'
expect 0 '' 'depths, and no input comes again' frostline plan net.yaml --what-if --json 'data.augment={horizontal_flip: true}'
checks=$((checks + 1))
! grep -q cached out || fail 'depths keep features of inputs that never come again'
checks=$((checks + 1))
[ "$(grep -oE '"freeze": "[^"]*"' depths | tr '\n' ' ')" = '"freeze": "nothing" "freeze": "until pool" "freeze": "until flat" "freeze": "until d1" ' ] ||
    fail 'other depths than there are'
expect 0 '' 'the plan at no depth' frostline plan net.yaml --np 1 --json
holds 'memory is that of the plan, its data too' "$(all depths memory_bytes_per_node | head -1) == $(number out memory_bytes_per_rank) + $(number out memory_bytes_per_node_shared) && $(number out data) > 0"
mapfile -t step < <(all depths step_seconds | awk 'NR % 2') # with one rank
mapfile -t payload < <(all depths payload_bytes)
mapfile -t pays < <(all depths pays_up_to)
mapfile -t both < <(all depths step_seconds | awk 'NR % 2 == 0') # with two, which send what learns
for i in 1 2 3; do
    holds "payload falls, $i" "${payload[i]} < ${payload[i - 1]}"
    holds "so does the step of two ranks, $i" "${both[i]} < ${both[i - 1]}"
done
holds 'the deepest is the cheapest' "${step[3]} < ${step[0]}"
holds 'on a slow network more ranks do not pay' "${pays[0]} == 1"

# ---- bench layers ----

expect 0 'GFLOP/s' 'layers' frostline bench layers net.yaml --rows 4 --steps 2
expect 0 '' 'layers as JSON, two ranks' ranks 2 bench layers net.yaml --rows 2,5 --steps 2 --json
grep '^{' out >layers.json
checks=$((checks + 1))
[ "$(grep -o '"static_seconds"' layers.json | wc -l)" = 14 ] && [ "$(number layers.json ranks)" = 2 ] || fail 'not 7 layers at 2 numbers of rows'
holds 'a convolution takes its time in all three' "$(number layers.json static_seconds) > 0 && $(number layers.json forward_seconds) > 0 && $(number layers.json backward_seconds) > 0"

# ---- bench network, between two nodes of one rank each ----

expect 0 '' 'network' env FROSTLINE_RANKS_PER_NODE=1 mpirun -q -np 2 "$FROSTLINE" bench network --repeat 2 --json
grep '^{' out >measured.json
expect 0 '' 'what it prints is a network' frostline plan net.yaml --np 2 --nodes 2 --network measured.json --json
expect 2 'here is but one' 'one node' ranks 2 bench network

# ---- what cannot be ----

expect 2 "there is no network '1gbti'" 'a mistyped network' frostline plan net.yaml --np 2 --nodes 2 --network 1gbti
echo '{"latency_seconds": "25us"}' >bad.json
expect 3 'does not describe a network' 'another file' frostline plan net.yaml --np 2 --nodes 2 --network bad.json
expect 2 "wants '--hosts'" 'measured where' frostline plan net.yaml --np 2 --nodes 2 --network measured
expect 2 "there is no file 'nowhere'" 'no hosts' frostline plan net.yaml --np 2 --hosts nowhere
expect 2 "give '--nodes'" 'a network, and one node' frostline plan net.yaml --np 2 --network 1gbit
expect 0 '"nodes": 3,' 'nodes that do not divide the ranks' frostline plan net.yaml --np 4 --nodes 3 --network 1gbit --json
expect 2 "want '--network'" 'nodes without a network' frostline plan net.yaml --np 2 --nodes 2 --measure
expect 2 "several want '--what-if'" 'a list' frostline plan net.yaml --np 1,2
expect 2 "leave out '--phase'" 'depths of a phase' frostline plan net.yaml --what-if --phase 0
expect 2 'number of rows' 'rows' frostline bench layers net.yaml --rows 8,4
expect 5 'error: cannot start' 'no mpirun' env PATH=/nowhere "$FROSTLINE" plan net.yaml --measure

finish
