#!/usr/bin/env bash
# `frostline simulate`: what moves is what the formulas foretell, by every reducer; two ranks take the time of latency and bytes;
# what computing covers is not waited for; many ranks are no matter; mistakes are named. Skipped where SimGrid is not.
. "$(dirname "$0")/run.inc.sh"

step() { # FILE NP REDUCER FLOATS [KEY:VALUE …]: two buckets, or one if there is not enough for two
    local file=$1 np=$2 way=$3 n=$4 more=
    shift 4
    for pair in "$@"; do more="$more,\"${pair%%:*}\":${pair#*:}"; done
    echo "{\"np\":$np,\"reducer\":\"$way\",\"steps\":2,\"buckets\":[{\"floats\":$n,\"ready_seconds\":0.01}]$more}" >"$file"
}
echo '{"name":"exact","latency_seconds":0.001,"bytes_per_second":1e8}' >net.json

step one.json 2 overlap 100 backward_seconds:0.01
if ! "$FROSTLINE" simulate one.json >out 2>&1; then
    grep -q 'install libsimgrid-dev' out && echo "skipped: this build cannot simulate; bash cluster/packages.sh --simgrid" && exit 77
fi
value() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p" out; }
simulate() { # WHAT FILE
    expect 0 '"step_seconds"' "$1" frostline simulate "$2" --network net.json --json
}
near_to() { # WHAT GOT WANTED [TOLERANCE]
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" -v t="${4:-0.01}" 'BEGIN { d = a - b; exit !(a != "" && (d < 0 ? -d : d) <= t * b + 1e-9) }' ||
        fail "$1: $2 instead of $3"
}

# ---- bytes and messages are those of the formulas, and of the least there can be ----

for way in blocking overlap tree sharded; do
    for np in 1 2 3 8 16; do
        step one.json $np $way 300007 backward_seconds:0.02
        simulate "$way, $np ranks" one.json
        near_to "$way, $np ranks: bytes" "$(value sent_bytes)" "$(value foretold_sent_bytes)" 0
        near_to "$way, $np ranks: messages" "$(value messages)" "$(value foretold_messages)" 0
        # the tree's surplus ranks lend all they have
        [ $way-$np = tree-3 ] || near_to "$way, $np ranks: least" "$(value sent_bytes)" $((2 * (np - 1) * 4 * 300007)) 0
    done
done
step one.json 4 overlap 300007 allreduce_dtype:'"bfloat16"'
simulate bfloat16 one.json
near_to 'half the bytes' "$(value sent_bytes)" $((2 * 3 * 2 * 300007)) 0
near_to 'bfloat16, messages' "$(value messages)" "$(value foretold_messages)" 0

# ---- two ranks: latency and bytes ----

step one.json 2 blocking 1000 memory_bytes_per_second:1e15
simulate 'a short sum' one.json
near_to 'a short sum: one message' "$(value exposed_seconds)" "$(awk 'BEGIN { print 0.001 + 4000 / 1e8 }')"
step one.json 2 blocking 64000 memory_bytes_per_second:1e15
simulate 'a sum' one.json
near_to 'a sum: two messages of a half' "$(value exposed_seconds)" "$(awk 'BEGIN { print 2 * (0.001 + 128000 / 1e8) }')"
step one.json 2 blocking 10000000 memory_bytes_per_second:1e15
sed -i 's/0.001/0.00001/' net.json
simulate 'a long sum' one.json
near_to 'a long sum: its bytes' "$(value exposed_seconds)" "$(awk 'BEGIN { print 4e7 / 1e8 }')" 0.03
step one.json 2 blocking 10000000 memory_bytes_per_second:1e8
simulate 'slow memory' one.json
checks=$((checks + 1))
awk -v s="$(value exposed_seconds)" 'BEGIN { exit !(s > 0.55) }' || fail "additions take no time: $(value exposed_seconds)"

sed -i 's/0.00001/0.001/' net.json

# ---- what computing covers ----

for way in overlap sharded; do
    step one.json 4 $way 1000000 backward_seconds:0.5
    simulate "$way behind backward" one.json
    covered=$(value exposed_seconds)
    step two.json 4 $way 1000000 backward_seconds:0.01 before_seconds:0.5 ahead_seconds:0.49
    simulate "$way behind what runs ahead" two.json
    near_to "$way: the same" "$(value exposed_seconds)" "$covered" 0.02
    step two.json 4 $way 1000000 backward_seconds:0.01 before_seconds:0.5
    simulate "$way uncovered" two.json
    near_to "$way uncovered" "$(value exposed_seconds)" "$(awk 'BEGIN { print 2 * 0.75 * 4e6 / 1e8 }')" 0.2
    [ $way = sharded ] && continue
    near_to "$way covered" "$covered" 0
done
step one.json 4 overlap 1000000 before_seconds:0.1 backward_seconds:0.5 update_seconds:0.05
simulate 'a step' one.json
near_to 'a step is its parts' "$(value step_seconds)" 0.65 0.02
step two.json 4 tree 1000000 before_seconds:0.5 backward_seconds:0.1 ahead_seconds:0.3
simulate 'tree' two.json
near_to 'nothing runs ahead of the tree' "$(value step_seconds)" "$(awk -v e="$(value exposed_seconds)" 'BEGIN { print 0.6 + e }')" 0.02

# ---- many ranks ----

step one.json 64 overlap 1000000 backward_seconds:0.02
simulate '64 ranks' one.json
near_to '64 ranks: messages' "$(value messages)" "$(value foretold_messages)" 0
expect 0 '64 simulated ranks on 25gbit' 'in words' frostline simulate one.json --network 25gbit

# ---- a study that goes beyond its ranks ----

cat >net.yaml <<'YAML'
name: tiny
model:
  input: [8]
  layers:
    - dense: {name: middle, units: 8, activation: relu}
    - dense: {name: head, units: 3, activation: softmax}
data: {format: synthetic, train: {rows: 24, classes: 3}}
train: {batch_size: 8}
YAML
study() {
    expect 0 "$1" "$2" frostline study net.yaml --np 1,2 --freeze none,head --steps 4 --run-dir s --simulate 16,2 --gnuplot "${@:3}"
}
column() { # NAME ROW of study.csv
    awk -F, -v name="$1" -v row="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR == row + 1 { print $at }' s/study.csv
}
study '16 simulated ranks on 1gbit' 'a study'
near_to 'rows: measured and simulated' "$(wc -l <s/study.csv)" 9 0
for row in 1 2 3 4 5 6 7 8; do
    near_to "row $row: simulated" "$(column simulated $row)" $((row > 4)) 0
done
near_to 'ranks, in order' "$(column np 5)$(column np 6)" 216 0
near_to 'sent by each of 16' "$(column wire_bytes 6)" "$(awk 'BEGIN { print 2 * 15 / 16 * 4 * (9 * 8 + 9 * 3) }')" 0
near_to 'sent for the head' "$(column wire_bytes 8)" "$(awk 'BEGIN { print 2 * 15 / 16 * 4 * 9 * 3 }')" 0
near_to 'a rank of 16 has one row, of 2 four' "$(column time_forward 6)" "$(awk -v t="$(column time_forward 5)" 'BEGIN { print t / 4 }')"
for text in '<title>Step time, simulated</title>' 'Step, simulated' 'Difference' 'class="hollow'; do
    checks=$((checks + 1))
    grep -qF "$text" s/report.html || fail "report.html lacks '$text'"
done
checks=$((checks + 1))
grep -q ', simulated$' s/figure.dat && grep -q 'dashtype 2 pointtype' s/figure.gp || fail 'figure.gp does not tell what is simulated'
cp s/study.jsonl before
study '4 of 4 runs stood in' 'once more'
checks=$((checks + 1))
cmp -s before s/study.jsonl || fail 'what was simulated is simulated again'
study '16 simulated ranks on 25gbit' 'another network' --network 25gbit
expect 2 "'two' is no number of ranks" 'no number' frostline study net.yaml --simulate 1,two --run-dir wrong
expect 2 "did you mean '--simulate'" 'mistyped' frostline study net.yaml --simulat 2 --run-dir wrong
expect 2 'say on how many ranks' 'a network for nothing' frostline study net.yaml --network 1gbit --run-dir wrong
expect 2 "no network '1gbti'" 'no network' frostline study net.yaml --simulate 2 --network 1gbti --run-dir wrong

# ---- mistakes ----

wrong() { # CODE FRAGMENT option…
    expect "$1" "$2" "wrong: ${*:3}" frostline simulate "${@:3}"
}
wrong 2 "did you mean '--network'" one.json --netwrk 1gbit
wrong 2 "no network '25gbti'" one.json --network 25gbti
wrong 2 'wants a file' --json
wrong 3 'nowhere.json' nowhere.json
echo '{' >bad.json
wrong 3 'no JSON' bad.json
wrong 3 'is no JSON' one.json --network bad.json
echo '{"latency_seconds":0.1}' >bad.json
wrong 3 "bytes_per_second" one.json --network bad.json
wrong 3 "'np' is to be" bad.json
step bad.json 2 ring 10
wrong 3 "'reducer' is to be blocking|overlap|tree|sharded" bad.json
step bad.json 2 overlap 10 ahead_seconds:2
wrong 3 "'ahead_seconds'" bad.json
step bad.json 2 overlap 0
wrong 3 "'floats'" bad.json
finish
