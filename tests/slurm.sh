#!/usr/bin/env bash
# A real Slurm of two nodes on this machine: runs by srun, jobs by sbatch that are asked to stop, requeued and end with
# the bits of a run that nobody disturbed, an array over freeze rules. What `frostline slurm` prints. Without Slurm's
# packages, or not as root, only the latter, and the rest is skipped.
project=$(cd "$(dirname "$0")/.." && pwd)
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: slurm net
model:
  input: [12, 12, 1]
  layers:
    - conv2d: {name: c1, filters: 8, kernel_size: 3, padding: same, activation: relu}
    - flatten
    - dropout: {rate: 0.2}
    - dense: {name: d1, units: 48, activation: relu}
    - dense: {name: d2, units: 4, activation: softmax}
freeze: {layers: [c1]}
data: {format: synthetic, train: {rows: 1200, classes: 4}}
train: {epochs: 6, batch_size: 12}
optimizer: {type: adam, learning_rate: 0.003}
checkpoint: {every_steps: 20, keep_last: 2}
YAML
weights=checkpoints/latest/model.safetensors

# holds WHAT TEXT FILE: a whole line; is WHAT GOT WANTED
holds() { checks=$((checks + 1)) && { grep -qxF -- "$2" "$3" || fail "$1: no line '$2'"; }; }
is() { checks=$((checks + 1)) && { [ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"; }; }

# ---- what `frostline slurm` prints ----

print() { "$FROSTLINE" slurm net.yaml "$@" >job.sh 2>out || fail "frostline slurm $*"; }
directive() { sed -n "s/^#SBATCH --$1=//p" job.sh; }

print train.epochs=3 "data.train.rows=900" --nodes 3 --tasks-per-node 2 --cpus-per-task 4 --time 2-12:00:00 \
    --notice 300 --partition long --run-dir "it's here"
for line in --job-name=slurm_net --partition=long --nodes=3 --ntasks-per-node=2 --cpus-per-task=4 --time=2-12:00:00 \
    --signal=B:USR1@300 --requeue --open-mode=append --output=%x-%j.log; do
    holds 'directives' "#SBATCH $line" job.sh
done
is 'no array' "$(directive array)" ''
holds 'run folder' "runs='it'\\''s here'" job.sh
planned=$("$FROSTLINE" plan net.yaml train.epochs=3 data.train.rows=900 --np 6 --json | tr ',' '\n' | awk -F: '
    /"memory_bytes_per_rank"/ { rank = $2 } /"memory_bytes_per_node_shared"/ { shared = $2 }
    END { mib = int((2 * rank + shared) / 1048576) + 1; print mib + (mib / 4 > 256 ? int(mib / 4) : 256) "M" }')
is 'memory: the plan, and spare' "$(directive mem)" "$planned"

print none until:c1 'last:freeze={train_last_n: 1}' --nodes 2
is 'array' "$(directive array)" 0-2
is 'a log for each task' "$(directive output)" %x-%A_%a.log
holds 'rule' "    'until-c1:freeze={until: c1}' \\" job.sh
is 'the same job as cluster/run.slurm' "$(sed '1,/^runs=/d' job.sh | grep .)" \
    "$(sed '1,/^# ---- the job/d' "$project/cluster/run.slurm" | grep .)"
for script in job.sh "$project/cluster/run.slurm"; do
    expect 0 '' "$script is sound" bash -n "$script"
    ! command -v shellcheck >/dev/null || expect 0 '' "shellcheck $script" shellcheck "$script"
done
expect 2 "'--nodes' cannot be '0'" 'no node' frostline slurm net.yaml --nodes 0
expect 2 "'--nodes' cannot be ''" 'no number' frostline slurm net.yaml --nodes=
expect 2 "'--time' cannot be 'two hours'" 'a time' frostline slurm net.yaml --time 'two hours'
expect 2 "'--partition' cannot be 'a b'" 'a partition' frostline slurm net.yaml --partition 'a b'
expect 2 "'a b:freeze={}' is no rule" 'a rule' frostline slurm net.yaml 'a b:freeze={}'
expect 2 'another has that name' 'a name twice' frostline slurm net.yaml none 'none:freeze.until=c1'
expect 2 "did you mean 'c1'" 'a rule for no layer' frostline slurm net.yaml none until:c2
expect 2 'needs a CONFIG' 'no config' frostline slurm

# ---- Kubernetes' job: the ranks fill the workers, the threads their cores ----

number() { sed -n "s/.*$1\([0-9]*\).*/\1/p" "$project/cluster/mpijob.yaml" | tail -n 1; }
is 'mpijob.yaml: ranks' "$(number '\[-np, "')" $(($(number 'slotsPerWorker: ') * $(number 'replicas: ')))
is 'mpijob.yaml: cores' "$(number 'cpu: ')" $(($(number 'OMP_NUM_THREADS=') * $(number 'slotsPerWorker: ')))

# ---- a request to stop is heard while a run is still being opened ----

"$FROSTLINE" train net.yaml data.train.rows=1000000 --run-dir opening >out 2>&1 &
opening=$!
until [ -d opening ] || ! kill -0 $opening 2>/dev/null; do sleep 0.005; done
kill -USR1 $opening
wait $opening
is 'asked while opening: exit code' $? 75

# ---- a cluster ----

skip() { # WHY: unless something has failed
    echo "skipped, no cluster: $1"
    finish && exit 77
    exit 1
}
for tool in munged slurmctld slurmd srun; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "'$tool' is missing (Debian: slurm-wlm, munge)"
done
[ "$(id -u)" -eq 0 ] || skip 'slurmd runs jobs as root alone'
export PATH=${FROSTLINE%/*}:$PATH:/usr/sbin SLURM_CONF=$work/slurm.conf

# All that runs in this cluster has its config in its environment; this shell itself began without it.
ours() (unset SLURM_CONF && grep -lsF "SLURM_CONF=$work/slurm.conf" /proc/[0-9]*/environ | cut -d/ -f3)
down() { # kills until nothing is left, for what is killed may have been starting something
    local left
    while left=$(ours); [ -n "$left" ]; do
        # shellcheck disable=SC2086 # ids are words
        kill -KILL $left 2>/dev/null
        sleep 0.05
    done
}
trap 'down; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

free_port() { # three in a row that nobody listens on
    local port used
    used=$(awk '{ split($2, at, ":"); print at[2] }' /proc/net/tcp)
    for ((port = 20000 + RANDOM % 20000; ; port += 3)); do
        grep -qxE "$(printf '%04X|%04X|%04X' $port $((port + 1)) $((port + 2)))" <<<"$used" || break
    done
    echo $port
}
# cred_expire: a requeued job waits as long as its old credentials are valid. TmpFS: PMIx has a folder there for each node.
write_conf() {
    local port
    port=$(free_port)
    cat >slurm.conf <<CONF
ClusterName=frostline
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool.%n
TmpFS=$work/tmp.%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=10
NodeName=n1 NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=4 RealMemory=4000
NodeName=n2 NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=4 RealMemory=4000
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
}
# within SECONDS COMMAND…: it succeeds before long
within() {
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
two_idle() { [ "$(sinfo -ho '%D %t' 2>/dev/null)" = '2 idle' ]; }
up() {
    chmod 711 . # munge wants its socket to be within reach of all
    mkdir -p munge state tmp.n1 tmp.n2 spool.n1 spool.n2
    (umask 077 && head -c 1024 /dev/urandom >munge/key)
    chmod 711 munge
    write_conf
    munged -F --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
        --log-file="$work/munge/log" --seed-file="$work/munge/seed" --num-threads=2 2>munge.err & disown
    within 5 test -S munge/socket
    slurmctld -D >/dev/null 2>&1 & disown
    slurmd -D -N n1 >/dev/null 2>&1 & disown
    slurmd -D -N n2 >/dev/null 2>&1 & disown
    within 15 two_idle && return
    cat munge.err slurmctld.log slurmd.*.log 2>/dev/null | tail -20
    return 1
}
up || skip 'Slurm does not start here'
srun --mpi=list 2>&1 | grep -q pmix || skip 'this Slurm has no PMIx (Debian: slurm-wlm-basic-plugins)'

# Both nodes have this machine's name, and so would write into each other's shared memory.
export OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_if_include=lo

field() { scontrol -o show job "$1" | sed "s/.* $2=\([^ ]*\).*/\1/"; } # of one job, or one task of an array
ended() { [[ $(field "$1" JobState) =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL)$ ]]; }
requeued() { [ "$(field "$1" Restarts)" -ge 1 ]; }
saved() { [ -e "$1/checkpoints/latest" ]; }
submit() { sbatch --parsable --mem=500 --output="$work/log" "$@" 2>out; } # JOB-SCRIPT CONFIG …: the job's id

# Before its time limit, which Slurm looks at every thirty seconds: this one goes on beside the others.
limited=$(submit --time=1 --output="$work/limited" "$project/cluster/run.slurm" net.yaml train.epochs=100000)

# ---- srun: the signal reaches all ranks, or one; the exit code survives ----

on=(srun --mpi=pmix --mem=500) # TASKS… frostline …
expect 0 'epoch 6/6' 'srun, undisturbed' "${on[@]}" -N2 -n2 "$FROSTLINE" train net.yaml --run-dir whole
holds 'two nodes' '  "nodes": 2,' whole/env.json
expect 0 'epoch 6/6' 'mpirun' ranks 2 train net.yaml --run-dir whole-mpirun
near whole/$weights whole-mpirun/$weights 2e-4
expect 2 'srun --mpi=pmix' 'srun without PMIx' "${on[@]}" --mpi=none -N1 -n2 "$FROSTLINE" train net.yaml --run-dir alone
sed 's/, activation: relu//; s/type: adam, learning_rate: 0.003/type: sgd, learning_rate: 1000000/' net.yaml >steep.yaml
expect 4 'the loss is' 'srun: a loss that is not finite' "${on[@]}" -N2 -n2 "$FROSTLINE" train steep.yaml --run-dir steep

stop_by() { # DIR COMMAND: code 75 from a run that is asked so, then the rest of it
    local step code
    "${on[@]}" -N2 -n2 "$FROSTLINE" train net.yaml --run-dir "$1" >out 2>&1 &
    step=$!
    within 20 saved "$1"
    "$2" "$step" "$1"
    wait $step
    code=$?
    is "$1: exit code" $code 75
    holds "$1: status" '  "state": "stopped",' "$1/status.json"
    expect 0 'epoch 6/6' "$1, resumed" "${on[@]}" -N2 -n2 "$FROSTLINE" train net.yaml --run-dir "$1"
    same whole/$weights "$1/$weights"
}
all_ranks() { kill -USR1 "$1"; }
one_rank() { kill -USR1 "$(pgrep -nf -- "train net.yaml --run-dir $2")"; }
stop_by all-ranks all_ranks
stop_by one-rank one_rank

# ---- sbatch: asked to stop, requeued, finished; cancelled; failed ----

two=(--nodes=2 --ntasks-per-node=1)
disturbed=$(submit "${two[@]}" "$project/cluster/run.slurm" net.yaml)
within 20 saved "runs/net-$disturbed"
scancel --batch --signal=USR1 "$disturbed"
within 30 ended "$disturbed"
cp log out
is 'requeued and finished' "$(field "$disturbed" JobState) after $(field "$disturbed" Restarts)" 'COMPLETED after 1'
holds 'the first part' 'stopped on request; back into the queue' log
same whole/$weights "runs/net-$disturbed/$weights"

cancelled=$(submit "${two[@]}" "$project/cluster/run.slurm" net.yaml train.epochs=100000)
within 20 saved "runs/net-$cancelled"
scancel "$cancelled"
within 20 ended "$cancelled"
within 10 grep -qF '"state": "stopped"' "runs/net-$cancelled/status.json"
is 'cancelled: saved' $? 0

# While MPI starts nobody listens, and SIGUSR1 ends the step: that is no failure either.
mkdir deaf
printf '#!/bin/sh\ntouch deaf/begun\n[ "$SLURM_RESTART_COUNT" ] || exec sleep 60\n' >deaf/frostline
chmod +x deaf/frostline
early=$(PATH=$work/deaf:$PATH submit --ntasks=1 "$project/cluster/run.slurm" net.yaml)
within 20 test -e deaf/begun
scancel --batch --signal=USR1 "$early"

failing=$(submit "${two[@]}" "$project/cluster/run.slurm" steep.yaml)
within 20 ended "$failing"
within 30 ended "$early"
is 'asked too early' "$(field "$early" JobState) after $(field "$early" Restarts)" 'COMPLETED after 1'
is 'failed' "$(field "$failing" JobState) $(field "$failing" ExitCode)" 'FAILED 4:0'
is 'failed, for good' "$(field "$failing" Restarts)" 0
is 'cancelled, for good' "$(field "$cancelled" JobState) after $(field "$cancelled" Restarts)" 'CANCELLED after 0'

# ---- an array over freeze rules: in one folder; a task that is requeued leaves the others alone ----

print none until:c1 --tasks-per-node 2 --run-dir rules
array=$(submit job.sh)
for task in 0 1; do
    within 20 saved "rules/$([ $task = 0 ] && echo none || echo until-c1)"
done
scancel --batch --signal=USR1 "${array}_1" # the last task's own id is that of the array
within 30 ended "${array}_0"
within 30 ended "${array}_1"
is 'rule none' "$(field "${array}_0" JobState) after $(field "${array}_0" Restarts)" 'COMPLETED after 0'
is 'rule until:c1' "$(field "${array}_1" JobState) after $(field "${array}_1" Restarts)" 'COMPLETED after 1'
is 'one folder' "$(cd rules && echo ./*)" './none ./until-c1'
for rule in none until-c1; do holds "$rule" '  "state": "finished",' "rules/$rule/status.json"; done
near whole-mpirun/$weights rules/until-c1/$weights 2e-4
"$COMPARE" whole-mpirun/$weights rules/none/$weights 2e-4 >out 2>&1
is 'another rule, other weights' $? 1

expect 0 'study: rules/report.html' 'one report of the array' frostline study net.yaml --collect rules
is 'its points' "$(cut -d, -f1,2 rules/study.csv | tr -d '"' | tr '\n' ' ')" 'freeze,np none,2 until-c1,2 '
is 'in the report' "$(grep -oE '<th scope="row">[AB] [a-z0-9-]+' rules/report.html | sort -u | sed 's/.*>//' | tr '\n' ' ')" 'A none B until-c1 '

# ---- the time limit ----

within 45 requeued "$limited"
cp limited out
is 'requeued before its limit' "$(field "$limited" Restarts)" 1
holds 'before its limit' 'stopped on request; back into the queue' limited
scancel "$limited"

down
is 'nothing is left' "$(ours)" ''
finish
