#!/usr/bin/env bash
# What a run moves is what its plan says: the bytes that comm.csv counts are those of `frostline plan` on as many ranks and
# nodes, and those that the run itself foretells, by every reducer, with and without `reproducible: ranks`.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: ledger
model:
  input: [100]
  layers:
    - dense: {name: base, units: 70, activation: relu}
    - dense: {name: d1, units: 90, activation: tanh}
    - dense: {name: d2, units: 60, activation: tanh}
    - dense: {name: d3, units: 3, activation: softmax}
freeze: {layers: [base]}
data: {format: synthetic, train: {rows: 200, classes: 3}}
train: {epochs: 2, batch_size: 10, gradient_accumulation_steps: 1}
optimizer: {type: adam, learning_rate: 0.01}
distributed: {bucket_mb: 0.02}
YAML
steps=40

# planned NAME [BUCKET]: a figure of the plan, of all buckets or of one
planned() {
    tr -d ' \n' <plan.json | tr '{' '\n' | { [ $# = 1 ] && cat || grep "^\"index\":$2,"; } | grep -oE "\"$1\":[0-9]+" | head -1 | cut -d: -f2
}
# counted DIR BUCKETS COLUMN: added up over epochs and ranks
counted() {
    awk -F, -v bucket="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["bucket"] ~ "^" bucket "$" { n += $at[name] } END { printf "%.0f", n }' "$1/comm.csv"
}
agrees() { # WHAT PLANNED COUNTED [TOLERANCE]
    checks=$((checks + 1))
    awk -v a="$(($2 * steps))" -v b="$3" -v most="${4:-0}" 'BEGIN { d = a - b; exit !((d < 0 ? -d : d) <= most * a) }' ||
        fail "$1: $(($2 * steps)) bytes in the plan, $3 in the ledger"
}
check() { # NP NODES override…
    local np=$1 nodes=$2 dir i what
    shift 2
    dir="run-$np-$nodes-${*//[^a-z0-9]/-}"
    expect 0 'epoch 2/2' "$dir" ranks "$np" train net.yaml "$@" --run-dir "$dir"
    checks=$((checks + 1))
    grep -q 'where .* were planned' out && fail "$dir: other bytes than foretold"
    expect 0 '"buckets"' "plan of $dir" frostline plan net.yaml "$@" --np "$np" --nodes "$nodes" --json
    mv out plan.json
    for i in 0 1; do
        agrees "$dir, bucket $i, payload" "$((np * $(planned bytes $i)))" "$(counted "$dir" $i payload_bytes)"
        for what in mpi node; do
            agrees "$dir, bucket $i, $what" "$(planned ${what}_bytes $i)" "$(counted "$dir" $i ${what}_bytes)"
            agrees "$dir, bucket $i, $what foretold" "$(planned ${what}_bytes $i)" "$(counted "$dir" $i planned_${what}_bytes)"
        done
        agrees "$dir, bucket $i, link" "$(planned link_bytes $i)" "$(counted "$dir" $i planned_link_bytes)" 0.02
    done
    for what in mpi node; do
        agrees "$dir, all, $what" "$(planned ${what}_bytes)" "$(counted "$dir" '[0-9]+' ${what}_bytes)"
    done
    checks=$((checks + 1))
    [ "$(planned mpi_bytes)" -gt 0 ] || [ "$nodes" = 1 ] || fail "$dir: several nodes, and nothing goes through MPI"
}

for reducer in blocking overlap tree sharded; do
    for reproducible in off ranks; do
        for np in 2 3; do
            set -- distributed.reducer=$reducer distributed.reproducible=$reproducible
            check $np 1 "$@"
            FROSTLINE_RANKS_PER_NODE=1 check $np $np "$@"
        done
    done
    FROSTLINE_RANKS_PER_NODE=2 check 3 2 distributed.reducer=$reducer
    [ $reducer = tree ] || FROSTLINE_RANKS_PER_NODE=2 check 4 2 distributed.reducer=$reducer distributed.allreduce_dtype=bfloat16
done

expect 2 "'--nodes' cannot be '4'" 'more nodes than ranks' frostline plan net.yaml --np 3 --nodes 4
expect 2 "'--nodes' cannot be '0'" 'no node' frostline plan net.yaml --np 3 --nodes 0
expect 2 "'--nodes' cannot be 'two'" 'no number' frostline plan net.yaml --np 3 --nodes two
expect 0 'on 2 nodes, reducer overlap' 'the plan as text' frostline plan net.yaml --np 3 --nodes 2
finish
