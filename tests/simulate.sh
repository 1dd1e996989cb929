#!/usr/bin/env bash
# `frostline simulate`: what moves is what the formulas foretell, by every reducer; two ranks take the time of latency and bytes;
# what computing covers is not waited for; many ranks are no matter; mistakes are named before anything runs; ctrl-C leaves no process
# and loses nothing. Skipped where SimGrid is not.
. "$(dirname "$0")/run.inc.sh"

step() { # FILE NP REDUCER FLOATS [KEY:VALUE …]: one bucket, ready after 10 ms of backward, which has as much if nothing is said
    local file=$1 np=$2 way=$3 n=$4 more=
    shift 4
    case "$*" in *backward_seconds*) ;; *) more=',"backward_seconds":0.01' ;; esac
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

moved_as_foretold() { # WHAT
    near_to "$1: bytes" "$(value sent_bytes)" "$(value foretold_sent_bytes)" 0
    near_to "$1: messages" "$(value messages)" "$(value foretold_messages)" 0
}
buckets() { # FILE NP REDUCER DTYPE: three, the last a short one
    echo "{\"np\":$2,\"reducer\":\"$3\",\"allreduce_dtype\":\"$4\",\"backward_seconds\":0.02,\"buckets\":[
        {\"floats\":300007,\"ready_seconds\":0.01},{\"floats\":65537,\"ready_seconds\":0.01},{\"floats\":7,\"ready_seconds\":0.02}]}" >"$1"
}
long=$((300007 + 65537)) short=7
for np in 1 2 3 8 16 17 32; do
    for way in blocking overlap tree sharded; do
        buckets one.json $np $way float32
        simulate "$way, $np ranks" one.json
        moved_as_foretold "$way, $np ranks"
        turns=2 # of a short sum, where each sends all to all: as many as there are others
        case $way-$np in blocking-16 | blocking-32 | overlap-16 | overlap-32) ;; # by halves
        blocking-* | overlap-*) turns=$np ;;
        tree-3 | tree-17) continue ;; # its surplus ranks lend all they have
        esac
        near_to "$way, $np ranks: least" "$(value sent_bytes)" $(((np - 1) * 4 * (2 * long + turns * short))) 0
    done
done
for np in 4 16; do
    for way in blocking overlap tree sharded; do
        buckets one.json $np $way bfloat16
        simulate "bfloat16, $way, $np ranks" one.json
        moved_as_foretold "bfloat16, $way, $np ranks"
        case $way in tree) each=8 ;; sharded) each=6 ;; *) each=4 ;; esac # the tree, and weights, are float32
        near_to "bytes of bfloat16, $way, $np ranks" "$(value sent_bytes)" $(((np - 1) * each * (long + short))) 0
    done
done

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
column() { # NAME ROW of study.csv, in this folder or another
    awk -F, -v name="$1" -v row="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR == row + 1 { print $at }' "${3:-s}/study.csv"
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

# ---- its bytes are the plan's, its gradients ready when the measured layers have them ----

cat >two.yaml <<'YAML'
name: two
model:
  input: [64]
  layers:
    - dense: {name: middle, units: 64, activation: relu}
    - dense: {name: head, units: 3, activation: softmax}
data: {format: synthetic, train: {rows: 24, classes: 3}}
train: {batch_size: 8}
distributed: {bucket_mb: 0.001}
YAML
reducers=(blocking overlap tree sharded)
expect 0 '' 'every reducer' frostline study two.yaml --np 1 --steps 4 --run-dir w --simulate 3,16 \
    --freeze "$(printf 'distributed.reducer=%s,' "${reducers[@]:0:3}")distributed.reducer=sharded"
row=4 # behind the measured ones
for way in "${reducers[@]}"; do
    for np in 3 16; do
        row=$((row + 1))
        "$FROSTLINE" plan two.yaml --np $np --nodes $np --json distributed.reducer=$way >out 2>plan.err
        near_to "$way, $np ranks: as planned" "$(column mpi_bytes $row w)" \
            "$(tr ',' '\n' <out | sed -n 's/^ *"mpi_bytes": //p' | head -1)" 0
    done
done
seconds() { tr '{' '\n' <"$1" | sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p"; } # one a line
mapfile -t layer < <(seconds w/speeds-*/layers-np1-8.json backward_seconds) # middle, head
for script in w/simulated/*/script.json; do
    mapfile -t ready < <(seconds "$script" ready_seconds)
    near_to "$script: buckets" ${#ready[@]} 3 0 # the head; the middle's weights; its biases
    near_to "$script: the head's share of backward" "${ready[0]}" \
        "$(awk "BEGIN { print $(seconds "$script" backward_seconds) * ${layer[1]} / (${layer[0]} + ${layer[1]}) }")" 1e-4
    near_to "$script: all of it" "${ready[1]}" "$(seconds "$script" backward_seconds)" 0
    near_to "$script: both at once" "${ready[2]}" "${ready[1]}" 0
done

# ---- mistakes in a study, before anything runs ----

expect 2 "'two' is no number of ranks" 'no number' frostline study net.yaml --simulate 1,two --run-dir wrong
expect 2 "did you mean '--simulate'" 'mistyped' frostline study net.yaml --simulat 2 --run-dir wrong
expect 2 'say on how many ranks' 'a network for nothing' frostline study net.yaml --network 1gbit --run-dir wrong
expect 2 "wants '--hosts'" 'measured where' frostline study net.yaml --simulate 2 --network measured --run-dir wrong
expect 2 "no network '1gbti'" 'no network' frostline study net.yaml --simulate 2 --network 1gbti --run-dir wrong

expect 2 "option '--simulate', 16 ranks, head: 'distributed.virtual_shards: 8' are fewer than 16 ranks" 'too many for the shards' \
    frostline study net.yaml --freeze head --simulate 4,16 --run-dir wrong distributed.reproducible=ranks
checks=$((checks + 1))
[ ! -e wrong ] || fail 'a mistake leaves a folder'
echo 'localhost slots=2' >one-node
expect 2 'wants ranks on several hosts' 'one rank' frostline study net.yaml --simulate 2 --network measured --hosts one-node --run-dir wrong
mkdir failing
printf '#!/bin/bash\necho no such host >&2\nexit 9\n' >failing/mpirun
chmod +x failing/mpirun
expect 1 'no such host' 'a network that cannot be measured' \
    env PATH="$work/failing:$PATH" "$FROSTLINE" study net.yaml --np 2 --simulate 2 --network measured --hosts one-node --run-dir h
expect 2 'the ranks are all on one node' 'nothing between' frostline study net.yaml --np 2 --steps 2 --simulate 2 --network measured --hosts one-node --run-dir h
expect 0 'so simulated ranks are on 1gbit' 'on what then' frostline study net.yaml --np 2 --steps 2 --simulate 2 --hosts one-node --run-dir h

# ---- mistakes in a step ----

wrong() { # CODE FRAGMENT option…
    expect "$1" "$2" "wrong: ${*:3}" frostline simulate "${@:3}"
}
wrong 2 "did you mean '--network'" one.json --netwrk 1gbit
wrong 2 "no network '25gbti'" one.json --network 25gbti
wrong 2 'wants a file' --json
wrong 2 "'np=3': it overrides a config, and 'frostline simulate' takes none" one.json np=3
wrong 3 'nowhere.json' nowhere.json
echo '{' >bad.json
wrong 3 'no JSON' bad.json
wrong 3 'is no JSON' one.json --network bad.json
echo '{"latency_seconds":0.1}' >bad.json
wrong 3 "bytes_per_second" one.json --network bad.json
bad() { # FRAGMENT JSON
    echo "$2" >bad.json
    wrong 3 "bad.json: $1" bad.json
}
bad 'no step of training; give' '[1]'
bad "key 'np' is missing; give a whole number from 1 to 1048576" '{"buckets":[]}'
bad "key 'np' is 2.5; give a whole number" '{"np":2.5,"buckets":[]}'
bad "key 'np' is true; give a whole number" '{"np":true,"buckets":[]}'
bad "key 'steps' is 0; give a whole number" '{"np":2,"steps":0,"buckets":[]}'
bad "key 'buckets' is missing; give a list" '{"np":2}'
bad "unknown key 'bukets'; did you mean 'buckets'?" '{"np":2,"bukets":[]}'
bad "unknown key 'backward_second'; did you mean 'backward_seconds'?" '{"np":2,"backward_second":1,"buckets":[]}'
bad "unknown key 'buckets[1].ready'; did you mean 'ready_seconds'?" '{"np":2,"buckets":[{"floats":1},{"floats":1,"ready":1}]}'
bad "key 'buckets[0].floats' is 1.5; give a whole number" '{"np":2,"buckets":[{"floats":1.5}]}'
bad "key 'buckets[0].floats' is 0; give a whole number" '{"np":2,"buckets":[{"floats":0}]}'
bad "key 'buckets[0].floats' is missing" '{"np":2,"buckets":[{}]}'
bad "key 'buckets[0].floats' is missing" '{"np":2,"buckets":[7]}'
bad "key 'buckets[0].ready_seconds' is 2; give no more than backward_seconds" '{"np":2,"backward_seconds":1,"buckets":[{"floats":1,"ready_seconds":2}]}'
bad "key 'buckets[1].ready_seconds' is 0.5; give no less than that of the bucket before" \
    '{"np":2,"backward_seconds":1,"buckets":[{"floats":1,"ready_seconds":0.6},{"floats":1,"ready_seconds":0.5}]}'
bad "key 'update_seconds' is \"1\"; give a number from 0" '{"np":2,"update_seconds":"1","buckets":[]}'
bad "key 'ahead_seconds' is 2; give no more than before_seconds" '{"np":2,"ahead_seconds":2,"buckets":[]}'
bad "key 'memory_bytes_per_second' is 0; give a number above 0" '{"np":2,"memory_bytes_per_second":0,"buckets":[]}'
bad "key 'reducer' is \"ring\"; give blocking|overlap|tree|sharded" '{"np":2,"reducer":"ring","buckets":[]}'
echo '{"np":2,"np":4,"buckets":[]}' >bad.json
wrong 3 'duplicate' bad.json
cp net.json 'a"b.json'
expect 0 '"network":"a\"b.json"' 'a name with a quote' frostline simulate one.json --network 'a"b.json' --json

# ---- a simulator that is not there, fails, or has no end ----

expect 2 "no 'smpirun' on the PATH" 'no smpirun' env PATH=/nowhere "$FROSTLINE" simulate one.json
mkdir bin tmp
fake() { # COMMAND…: as smpirun
    printf '#!/bin/bash\n%s\n' "$*" >bin/smpirun
    chmod +x bin/smpirun
}
faked=(env "PATH=$work/bin:$PATH" "TMPDIR=$work/tmp" "$FROSTLINE")
fake 'echo no such platform >&2; exit 9'
expect 1 'smpirun ended with exit code 9: no such platform; see ' 'a failure' "${faked[@]}" simulate one.json
expect 0 '"step_seconds"' 'a parent that ignores its children' env --ignore-signal=CHLD "$FROSTLINE" simulate one.json --json
rm -rf tmp/*

# Its child does not end with it, and bears a name that is looked for.
mkdir bin/$$
cp "$(command -v sleep)" bin/$$/sleep
fake "$work/bin/$$/sleep 600 & touch $work/begun; wait"
left() { pgrep -f "^$work/bin/$$/sleep" >/dev/null; }
interrupt() { # SIGNAL command…: once what is simulated has begun; its exit code
    local signal=$1 pid
    shift
    rm -f begun
    "${faked[@]}" "$@" >out 2>&1 &
    pid=$!
    for _ in $(seq 400); do [ -e begun ] && break || sleep 0.05; done
    left || fail "$*: what is simulated has not begun"
    kill "-$signal" "$pid"
    wait "$pid"
}
gone() { # WHAT
    checks=$((checks + 1))
    for _ in $(seq 40); do left || return 0; sleep 0.05; done
    fail "$1: a process is left"
}
for signal in INT TERM; do
    interrupt $signal simulate one.json
    near_to "exit code after SIG$signal" $? 75 0
    gone "SIG$signal"
    near_to 'files left' "$(find tmp -type f | wc -l)" 0 0
done
short=(study net.yaml --np 1,2 --freeze none,head --steps 4 --run-dir stopped --simulate 4,16)
interrupt INT "${short[@]}"
near_to 'exit code of a stopped study' $? 75 0
gone 'a stopped study'
checks=$((checks + 1))
grep -q 'stopped after 4 of 8 runs and simulations; the same command goes on' out || fail 'it does not say where it was stopped'
near_to 'what was measured' "$(wc -l <stopped/study.jsonl)" 4 0
checks=$((checks + 1))
[ -s stopped/report.html ] && [ -s stopped/study.csv ] || fail 'a stopped study leaves no report'
expect 0 '4 of 4 runs stood in' 'the same command' frostline "${short[@]}"
near_to 'and what was simulated' "$(wc -l <stopped/study.jsonl)" 8 0
finish
