#!/usr/bin/env bash
# A cluster on one machine (cluster/virtual-cluster): its hosts are apart, a run over them is the run on one node, what
# they send is what was planned, and nothing is left behind, whatever ends it. Skipped where there may be none.
script=$(cd "$(dirname "$0")/../cluster" && pwd)/virtual-cluster
. "$(dirname "$0")/run.inc.sh"
name=t$(tr 0-9 a-j <<<$$) # several tests may run at once
vc=(bash "$script" --name "$name") # no function: signals are to reach it

links() { ip -o link | cut -d' ' -f2 | sort; }
links >links
"${vc[@]}" up 3 --rate 1gbit --packets 2>out || { code=$? && cat out && exit $code; } # 77: not possible here
trap '"${vc[@]}" down; rm -rf "$work"' EXIT

# ok WHAT COMMAND…: it succeeds. Open MPI's daemons may say something, without consequence, when they start.
ok() {
    checks=$((checks + 1))
    "${@:2}" >out 2>err || { cat err >>out && fail "$1"; }
}
told() { expect "$1" "$2" "virtual-cluster ${*:3}" "${vc[@]}" "${@:3}"; } # CODE WORDS command…
gone() { # nothing of a cluster of that name is there
    ! ip netns list | grep -q "^$1" && [ ! -e "/run/virtual-cluster/$1" ] && ! compgen -G "/etc/netns/$1*" &&
        ! compgen -G "/dev/shm/vader_segment.$1*"
}
idle() { # no process is left on any host, soon
    local i
    for ((i = 0; i < 200; i++)); do
        [ -z "$(for host in 1 2 3; do ip netns pids "$name$host"; done)" ] && return
        sleep 0.05
    done
    return 1
}

# ---- what it says ----

told 2 "from 1 to 100, not '0'" up 0
told 2 "not 'two'" up two
told 2 "'--rate fast'" up 2 --rate fast
told 2 "'--delay 5'" up 2 --delay 5
told 2 "'--cores 0'" up 2 --cores 0
told 2 "unknown option '--speed'" up 2 --speed 3
told 2 "is up already" up 2
told 2 "unknown command 'start'" start
told 2 "'--np none' is no number" run --np none hostname
told 2 'wants a command' run --np 2
told 2 "it has ${name}1 ${name}2 ${name}3" on "${name}4" hostname
told 2 "'frost1' is no host" cut frost1
expect 2 'is not up' 'not up' bash "$script" --name nobody run hostname
expect 2 'small letters' 'a bad name' bash "$script" --name no-one up 2
chmod 711 . && cp "$script" . && chmod 755 virtual-cluster
if command -v setpriv >/dev/null; then
    expect 77 'need root' 'not root' setpriv --reuid 65534 --clear-groups bash ./virtual-cluster up 2
fi
mkdir bin && for tool in bash realpath id ip; do ln -s "$(command -v $tool)" bin; done
expect 77 "'tc' is missing" 'no tc' env PATH="$work/bin" bash ./virtual-cluster --name other up 2

# ---- hosts ----

ok 'hosts run' "${vc[@]}" run hostname
checks=$((checks + 1))
[ "$(sort out | paste -sd' ')" = "${name}1 ${name}2 ${name}3" ] || fail 'not one rank on each host'
ok 'two ranks a host' "${vc[@]}" run --per-host 2 hostname
checks=$((checks + 1))
[ "$(sort out | uniq -c | awk '{ print $1 }' | paste -sd' ')" = '2 2 2' ] || fail 'not two ranks on each host'
ok 'ranks are dealt' "${vc[@]}" run --np 4 hostname
checks=$((checks + 1))
[ "$(sort out | uniq -c | awk '{ print $1 }' | paste -sd' ')" = '2 1 1' ] || fail 'four ranks on three hosts are not 2 1 1'
ok 'hosts know each other' "${vc[@]}" on "${name}2" getent hosts "${name}3"
told 3 '' run --np 1 sh -c 'exit 3'
ok 'another cluster comes and goes' bash -c "bash '$script' --name ${name}x up 2 --cores 1 &&
    [ \$(bash '$script' --name ${name}x on ${name}x2 nproc) = 1 ] && bash '$script' --name ${name}x down"
ok 'and leaves nothing' gone "${name}x"
ok 'the first is still there' "${vc[@]}" run hostname

# ---- training ----

cat >net.yaml <<'YAML'
name: hosts
model:
  input: [200]
  layers:
    - dense: {name: base, units: 300, activation: relu}
    - dense: {name: d1, units: 400, activation: tanh}
    - dense: {name: d2, units: 3, activation: softmax}
freeze: {layers: [base]}
data: {format: synthetic, train: {rows: 100, classes: 3}, validation: {rows: 30, classes: 3}}
train: {epochs: 3, batch_size: 10}
optimizer: {type: adam, learning_rate: 0.01}
YAML
weights=checkpoints/latest/model.safetensors
expect 0 'epoch 3/3' 'one rank, no cluster' frostline train net.yaml data.cache_features=off --run-dir one
# on_hosts DIR 'RANKS on HOSTS' RUN-OPTION… -- OVERRIDE…: the weights of one rank, on so many hosts
on_hosts() {
    local dir=$1 ranks=$2 options=()
    shift 2
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    ok "$dir" "${vc[@]}" run "${options[@]}" "$FROSTLINE" train net.yaml "${@:2}" --run-dir "$dir"
    near one/$weights "$dir/$weights" 2e-4
    checks=$((checks + 1))
    grep -qF "\"$ranks\"" "$dir/env.json" || fail "$dir: not $ranks nodes: $(grep nodes "$dir/env.json")"
}
for reducer in blocking overlap tree; do
    on_hosts "$reducer-2" '2 on 2' --np 2 -- distributed.reducer=$reducer
    on_hosts "$reducer-3" '3 on 3' --per-host 1 -- distributed.reducer=$reducer
    on_hosts "$reducer-5" '5 on 3' --np 5 -- distributed.reducer=$reducer
done
for place in memory disk; do
    on_hosts "features-$place" '6 on 3' --per-host 2 -- data.cache_features=$place
    checks=$((checks + 1))
    grep -oE '"features_kept": *[0-9.a-z]+' "features-$place/metrics.jsonl" | head -3 >out
    awk -F: '{ kept[NR] = $2 } END { exit !(kept[1] == 0 && kept[3] > 0.5) }' out || fail "$place: features are not kept over hosts"
done

# ---- bytes ----

# Of four epochs, all hosts together: what reducers hand to MPI is what was planned, to the byte; the kernel's count at the
# transport is that of the interfaces within 2 %, and the planned one within 5 %. A run of one epoch is taken off, for the
# start and the checkpoint at the end, to which `sharded` brings optimizer state together.
sent() { "${vc[@]}" bytes | awk '{ n += $2 } END { printf "%.0f", n }'; }
column() { # DIR NAME: added up over the ranks, without the first epoch
    awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["bucket"] == "all" && $at["epoch"] > 1 { n += $at[name] } END { printf "%.0f", n }' "$1/comm.csv"
}
send() { # NP REDUCER EPOCHS: what the interfaces count, in $counted
    local before
    before=$(sent)
    expect 0 '' "bytes-$2-$1-$3" "${vc[@]}" run --np "$1" "$FROSTLINE" train net.yaml data.cache_features=off data.validation=null \
        checkpoint.every_epochs=1000 \
        train.epochs="$3" "distributed.reducer=$2" --run-dir "bytes-$2-$1-$3"
    counted=$(($(sent) - before))
}
bytes() { # NP REDUCER
    local once dir=bytes-$2-$1-5
    send "$1" "$2" 1 && once=$counted
    send "$1" "$2" 5
    checks=$((checks + 1))
    awk -v seen=$((counted - once)) -v link="$(column "$dir" link_bytes)" -v planned="$(column "$dir" planned_link_bytes)" \
        -v mpi="$(column "$dir" mpi_bytes)" -v mpi_planned="$(column "$dir" planned_mpi_bytes)" -v what="$2, $1 hosts" '
        function off(a) { return a > seen ? a / seen - 1 : 1 - a / seen }
        BEGIN { printf "%s: interfaces %.0f, transport %.0f, planned %.0f; to MPI %.0f, planned %.0f\n",
                    what, seen, link, planned, mpi, mpi_planned
                exit !(off(link) <= 0.02 && off(planned) <= 0.05 && mpi == mpi_planned && mpi > 0) }' >bytes || fail "$(cat bytes)"
    cat bytes
}
for command in 'plan net.yaml --np 2' 'study net.yaml --np 1'; do
    # shellcheck disable=SC2086 # words
    expect 2 "option '--hosts virtual:nobody': virtual-cluster: cluster 'nobody' is not up" "$command" \
        env PATH="$(dirname "$script"):$PATH" "$FROSTLINE" $command --hosts virtual:nobody
done
for reducer in blocking overlap tree sharded; do
    bytes 2 "$reducer"
    bytes 3 "$reducer"
done

# ---- interruptions ----

"${vc[@]}" run sleep 60 2>/dev/null &
sleep 1 && kill -TERM $! && wait $! 2>/dev/null
ok 'nothing runs after SIGTERM' idle
"${vc[@]}" run "$FROSTLINE" train net.yaml train.epochs=100000 --run-dir killed >/dev/null 2>&1 &
sleep 2 && kill -KILL $! && wait $! 2>/dev/null
ok 'no rank trains on after SIGKILL' idle
{ "${vc[@]}" run sleep 60; true; } 2>/dev/null &
sleep 1 && ok 'crash' "${vc[@]}" crash "${name}2"
{ wait $!; } 2>/dev/null
ok 'nothing runs after a host has died' idle
ok 'cut' "${vc[@]}" cut "${name}3"
told 0 'link cut' status
ok 'mend' "${vc[@]}" mend "${name}3"
ok 'a mended host takes part' "${vc[@]}" run hostname
{ "${vc[@]}" run sleep 60; true; } 2>/dev/null &
sleep 1 && ok 'down while something runs' "${vc[@]}" down
{ wait $!; } 2>/dev/null
ok 'down leaves nothing' gone "$name"
ok 'down twice' "${vc[@]}" down
for after in 0.0{06,09,12,15,18,21,24,27,30,40} 0.1 0.3; do # the first milliseconds too: whose is what is there?
    "${vc[@]}" up 60 --rate 1gbit 2>/dev/null &
    sleep $after && kill -TERM $! && wait $! 2>/dev/null
    ok "up, interrupted after $after s" gone "$name"
done
checks=$((checks + 1))
links | diff links - >out || fail 'there are other interfaces than before'
finish
