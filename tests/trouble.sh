#!/usr/bin/env bash
# A rank that is stopped, a disk that does not answer, a cable that is pulled: the run ends with one message that says who is
# late and in what, with exit code 7, in time; what was saved is whole, and goes on. And no false alarm: for nothing, on
# a machine with too much to do, or after a run that was itself stopped.
script=$(cd "$(dirname "$0")/../cluster" && pwd)/virtual-cluster
. "$(dirname "$0")/run.inc.sh"
timeout=20 # seconds; a run is to end within 1.2 times that

cat >net.yaml <<YAML
name: trouble
model:
  input: [200]
  layers:
    - dense: {name: base, units: 300, activation: relu}
    - dense: {name: d1, units: 400, activation: tanh}
    - dense: {name: d2, units: 3, activation: softmax}
freeze: {layers: [base]}
data: {format: synthetic, train: {rows: 30000, classes: 3}}
train: {epochs: 1000, batch_size: 10}
optimizer: {type: adam, learning_rate: 0.001}
distributed: {timeout: $timeout}
checkpoint: {every_steps: 200}
YAML

declare -A launcher struck # of the run with that folder: the process that started it; when its trouble began

# begin LAUNCHER… -- DIR OVERRIDE…: a run in the background, under way; its output in DIR.out
begin() {
    local with=()
    while [ "$1" != -- ]; do with+=("$1") && shift; done
    "${with[@]}" "$FROSTLINE" train net.yaml "${@:3}" --run-dir "$2" --progress none >"$2.out" 2>&1 &
    launcher[$2]=$!
    for ((i = 0; i < 400; i++)); do
        [ -e "$2/checkpoints/latest" ] && return
        sleep 0.05
    done
    fail "$2 did not get under way: $(cat "$2.out")"
}
process_of() { # DIR RANK
    local p
    for p in $(pgrep -P "${launcher[$1]}"); do
        tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -q "^OMPI_COMM_WORLD_RANK=$2$" && echo "$p"
    done
}
strike() { # DIR COMMAND…: its trouble
    "${@:2}"
    struck[$1]=$EPOCHREALTIME
}
# ends DIR WORDS…: it ends with code 7, in time, and one message with all the words
ends() {
    local dir=$1 code took word
    checks=$((checks + 1))
    { wait "${launcher[$dir]}"; } 2>/dev/null
    code=$?
    took=$(awk -v a="${struck[$dir]}" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    cp "$dir.out" out
    [ $code -eq 7 ] || fail "$dir: exit code $code instead of 7, after $took s"
    awk -v took="$took" -v limit="$timeout" 'BEGIN { exit !(took > limit - 1 && took < 1.2 * limit) }' ||
        fail "$dir: ended after $took s; the timeout is $timeout s"
    [ "$(grep -c 'error: the run hangs' "$dir.out")" -eq 1 ] || fail "$dir: not one message"
    for word in "${@:2}"; do grep -qE -- "$word" "$dir.out" || fail "$dir: the message lacks '$word'"; done
    echo "$dir: ended after $took s of a timeout of $timeout s"
}

# ---- none: a run that is stopped as a whole; it stands still while others have their trouble ----

begin mpirun -q -np 3 -- paused train.epochs=2
group=("${launcher[paused]}" "$(process_of paused 0)" "$(process_of paused 1)" "$(process_of paused 2)")
kill -STOP "${group[@]}"
SECONDS=0

# ---- ranks ----

declare -A late
for rank in 0 1; do
    begin mpirun -q -np 3 -- "stopped-$rank"
    sleep 1 # so it has told its neighbour where it is
    late[$rank]=$(process_of "stopped-$rank" $rank)
    strike "stopped-$rank" kill -STOP "${late[$rank]}"
done

# ---- a disk: an image that cannot be read, nor fails ----

mkdir -p images/{a,b}
for image in images/{a,b}/{1,2,3,4}.png; do # one grey pixel
    base64 -d >$image <<<iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mPwBQAATwBOxAN74QAAAABJRU5ErkJggg==
done
begin mpirun -q -np 2 -- disk model.input=[20,10,1] '~model.layers' 'model.layers=[flatten,{dense: {units: 2}}]' '~freeze' data.format=image_folder \
    data.train=images data.image_size=[20,10] data.cache_features=off train.batch_size=4
mkfifo pipe && strike disk mv pipe images/b/4.png

# ---- how they end ----

for rank in 0 1; do
    ends "stopped-$rank" "rank $rank on .*, process ${late[$rank]}, does not answer" "ago it was in '.*', step [0-9]+"
done
ends disk 'rank [01] on .*, has been for [0-9]+ s in .reading data., step [0-9]+, waiting for data'
for rank in 0 1; do
    expect 0 'run folder' 'the saved goes on' ranks 3 train net.yaml --run-dir "stopped-$rank" --resume train.epochs=1
done
while [ $SECONDS -lt $((timeout + 3)) ]; do sleep 1; done
kill -CONT "${group[@]}"
checks=$((checks + 1))
{ wait "${launcher[paused]}"; } || { cp paused.out out && fail 'a run that was stopped and went on was taken for hanging'; }

# ---- no trouble ----

for ((i = 0; i < 6; i++)); do (while :; do :; done) & done
burners=$(jobs -p)
expect 0 'run folder' 'a machine with too much to do' ranks 6 train net.yaml distributed.timeout=3 train.epochs=1 data.train.rows=1000 --run-dir busy
# shellcheck disable=SC2086 # pids are words
kill $burners
{ wait; } 2>/dev/null
expect 0 'run folder' 'no watchdog' ranks 2 train net.yaml distributed.timeout=0 train.epochs=1 data.train.rows=1000 --run-dir none

# ---- a network ----

name=w$(tr 0-9 a-j <<<$$)
vc=(bash "$script" --name "$name")
trap '"${vc[@]}" down; rm -rf "$work"' EXIT
if ! "${vc[@]}" up 3 --rate 1gbit >out 2>&1; then
    echo "note: no hosts here, so no cable is pulled: $(cat out)"
    finish
    exit
fi
idle() { # no process is left on any host, soon
    local i
    for ((i = 0; i < 100; i++)); do
        [ -z "$(for host in 1 2 3; do ip netns pids "$name$host"; done)" ] && return
        sleep 0.05
    done
    return 1
}
for host in 2 1; do
    begin "${vc[@]}" run -- "cut-$host"
    strike "cut-$host" "${vc[@]}" cut "$name$host"
    ends "cut-$host" "rank [012] on $name[123], process [0-9]+, does not answer"
    "${vc[@]}" mend "$name$host"
    checks=$((checks + 1))
    idle || fail "cut-$host: ranks are left on some host"
    expect 0 'run folder' 'the saved goes on' ranks 3 train net.yaml --run-dir "cut-$host" --resume train.epochs=1
done
finish
