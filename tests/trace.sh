#!/usr/bin/env bash
# trace.json is a timeline of just the steps that were asked for, on every rank, whatever sums; its exposed time is the
# ledger's; it is written once, with what there is, and not at all where nobody asked.
. "$(dirname "$0")/run.inc.sh"
: "${CHECK_TRACE:?set CHECK_TRACE to check_trace}"

cat >net.yaml <<'YAML'
name: trace
model:
  input: [10, 10, 2]
  layers:
    - conv2d: {name: c1, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - max_pool2d: {name: pool, pool_size: 2}
    - conv2d: {name: c2, filters: 6, kernel_size: 3, padding: same, activation: relu}
    - flatten
    - dense: {name: d1, units: 40, activation: tanh}
    - dense: {name: d2, units: 4, activation: softmax}
freeze: {until: pool}
data: {format: synthetic, train: {rows: 120, classes: 4}, validation: {rows: 30, classes: 4}}
train: {epochs: 2, batch_size: 20}
distributed: {bucket_mb: 0.002}
YAML
bytes=$(((6 * 9 * 6 + 6 + 150 * 40 + 40 + 40 * 4 + 4) * 4)) # of c2, d1, d2
buckets=$("$FROSTLINE" plan net.yaml --np 2 --json | grep -o '"buckets": *\[.*' | grep -o '"index"' | wc -l)

# timeline DIR RANKS FIRST LAST [BATCHES]
timeline() {
    checks=$((checks + 1))
    "$CHECK_TRACE" "$1/trace.json" "$2" "$3" "$4" "$buckets" "$bytes" "${5:-1}" >out 2>&1 || fail "$1: no timeline of steps $3 to $4"
}
no_timeline() { checks=$((checks + 1)) && [ ! -e "$1/trace.json" ] || fail "$1: there is a timeline"; }
has() { checks=$((checks + 1)) && { grep -qF "$2" "$1/trace.json" || fail "$1: no event $2"; }; }

checks=$((checks + 1))
[ "$buckets" -ge 2 ] || fail "$buckets buckets do not overlap"
expect 0 'epoch 2/2' 'off' ranks 2 train net.yaml --run-dir off
no_timeline off

# Steps 5 to 8: the end of one epoch, its evaluation, which is no step, and the beginning of the next.
for reducer in overlap blocking tree sharded; do
    for n in 2 3; do
        expect 0 'epoch 2/2' "$reducer, $n ranks" ranks $n train net.yaml distributed.reducer=$reducer 'log.trace_steps=[5,8]' --run-dir "$reducer$n"
        timeline "$reducer$n" $n 5 8
    done
    same off/checkpoints/latest/model.safetensors "${reducer}2/checkpoints/latest/model.safetensors"
done
has overlap2 '"backward d1"'
has overlap2 '"forward d2"'
FROSTLINE_RANKS_PER_NODE=1 expect 0 'epoch 2/2' 'three nodes' ranks 3 train net.yaml 'log.trace_steps=[2,4]' --run-dir nodes
timeline nodes 3 2 4

# Every step of an epoch: what was exposed is what the ledger says of rank 0.
for reducer in overlap blocking; do
    expect 0 'epoch 1/1' "$reducer, all steps" ranks 2 train net.yaml distributed.reducer=$reducer 'log.trace_steps=[1,6]' train.epochs=1 \
        --run-dir "all-$reducer"
    timeline "all-$reducer" 2 1 6
    ledger=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["bucket"] == "all" && $at["rank"] == 0 { print $at["exposed_seconds"] * 1e6 }' "all-$reducer/comm.csv")
    checks=$((checks + 1))
    awk -v ledger="$ledger" '{ d = $1 - ledger; exit !($1 > 0 && d * d < (0.02 * ledger + 1) ^ 2) }' out ||
        fail "$reducer: the ledger says that $ledger us were exposed"
done

# Micro-batches; one rank; one step; a run that ends before the last of the steps.
expect 0 'epoch 2/2' 'micro-batches' ranks 2 train net.yaml train.gradient_accumulation_steps=3 'log.trace_steps=[2,3]' --run-dir micro
timeline micro 2 2 3 3
expect 0 'epoch 2/2' 'one rank' frostline train net.yaml log.trace_steps=7 --run-dir one
timeline one 1 7 7
expect 0 'epoch 1/2' 'ended early' ranks 2 train net.yaml 'log.trace_steps=[3,100]' train.max_steps=4 --run-dir early
timeline early 2 3 4

# A resumed run has traced its steps already, or goes on with those that are left.
expect 0 'epoch 1/1' 'before' ranks 2 train net.yaml train.epochs=1 --run-dir resumed
expect 0 'epoch 2/2' 'past the steps' ranks 2 train net.yaml 'log.trace_steps=[2,6]' --run-dir resumed
no_timeline resumed
expect 0 'epoch 1/1' 'before' ranks 2 train net.yaml train.epochs=1 --run-dir among
expect 0 'epoch 2/2' 'among the steps' ranks 2 train net.yaml 'log.trace_steps=[5,8]' --run-dir among
timeline among 2 7 8

# A run that fails leaves what it did until then, and its own exit code and message.
sed 's/, activation: [a-z]*//' net.yaml >steep.yaml
expect 4 'the loss is' 'a loss that is not finite' ranks 2 train steep.yaml optimizer.type=sgd optimizer.learning_rate=1e6 \
    'log.trace_steps=[1,100]' --run-dir nonfinite
has nonfinite '"step 1"'

expect 2 'comes after the last' 'the wrong way round' frostline validate net.yaml 'log.trace_steps=[8,5]'
expect 2 'between 1 and' 'counted from 0' frostline validate net.yaml 'log.trace_steps=[0,5]'
finish
