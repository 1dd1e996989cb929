#!/usr/bin/env bash
# `frostline study`: the grid is run, what study.csv says stands in the runs' metrics.jsonl, and bytes are those planned;
# a stopped study goes on and runs nothing twice; a point that fails is told, does not end the others, and is tried again;
# mistakes are found before the first run; the report has every plot; gnuplot (where it is) takes the script.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: tiny
model:
  input: [8, 8, 1]
  layers:
    - conv2d: {name: first, filters: 4, kernel_size: 3, padding: same, activation: relu}
    - flatten: {}
    - dense: {name: middle, units: 8, activation: relu}
    - dense: {name: head, units: 3, activation: softmax}
data: {format: synthetic, train: {rows: 24, classes: 3}, validation: {rows: 9, classes: 3}}
train: {batch_size: 6}
YAML
column() { # CSV NAME ROW: the value; rules without commas
    awk -F, -v name="$2" -v row="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR == row + 1 { print $at }' "$1"
}
value() { # FILE KEY: of a line of JSON, the first time
    sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p" "$1" | head -1
}
lines() { wc -l <"$1"; }
equal() { # WHAT GOT WANTED
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && b != "" && (a == b || (a - b) ^ 2 <= 1e-18 * b ^ 2)) }' ||
        fail "$1: $2 instead of $3"
}

# foretold RULE NP all|cached: a step as cost.h puts it together from what `bench layers` left in s/speeds-*. The net's four
# layers are measured at just the rows of a rank; `head` leaves the last to learn, whose input then wants no gradient.
foretold() {
    local file numbers
    file=$(echo s/speeds-*/layers-np"$2"-*.json)
    list() { grep -oE "\"$1\":[-0-9.e+]+" "$file" | cut -d: -f2 | tr '\n' ' '; }
    numbers="$(list flops_dx) $(list flops_dw) $(list static_seconds) $(list forward_seconds) $(list backward_seconds) $(list data_seconds_per_row)"
    numbers="$numbers $(list update_seconds) $(list sum_seconds) $(list other_seconds) $(list rows) $(list trainable_parameters)"
    awk -v rule="$1" -v np="$2" -v cached="$3" -v numbers="$numbers" 'BEGIN {
        if (split(numbers, v, " ") != 26) exit 1
        first = rule == "head" ? 4 : 1 # that learns
        share = rule == "head" ? 27 / v[26] : 1
        for (l = first; l <= 4; l++) {
            dx = rule == "head" ? 0 : v[l]
            all = v[l] + v[4 + l]
            step += v[12 + l] + v[16 + l] * (all > 0 ? (dx + v[4 + l]) / all : 1)
        }
        for (l = 1; l < first && !(cached == "cached"); l++) step += v[8 + l]
        for (l = 1; l <= 4; l++) whole += v[12 + l] + v[16 + l]
        waits = np > 1 && step < whole ? step / whole : 1
        if (cached != "cached") step += v[21] * v[25]
        printf "%.17g", step + v[22] * share + (np > 1 ? v[23] * share : 0) + v[24] * waits
    }'
}

# ---- a grid, and where its figures come from ----

expect 0 's/report.html' 'a study' frostline study net.yaml --np 2,1 --freeze none,head --steps 6 --run-dir s --gnuplot
equal 'runs' "$(lines s/study.jsonl)" 4
equal 'rows and a head' "$(lines s/study.csv)" 5
for file in s/speeds-*/layers-np*.json; do # measured in two passes
    for figure in update_seconds step_seconds; do
        of() { grep -o "\"$figure\":[^,}]*" "$1" | cut -d: -f2; }
        passes="$(of "${file/layers/pass1-layers}") $(of "${file/layers/pass2-layers}")"
        equal "${file##*/}: $figure" "$(of "$file")" "$(awk -v p="$passes" 'BEGIN { split(p, v, " "); printf "%.17g", (v[1] + v[2]) / 2 }')"
    done
done
row=0
for rule in none head; do
    for np in 1 2; do
        row=$((row + 1))
        key=$(grep "\"freeze\":\"$rule\",\"np\":$np," s/study.jsonl | sed 's/{"key":"\([^"]*\)".*/\1/')
        metrics=s/runs/$key/metrics.jsonl
        equal "$rule, $np: ranks" "$(column s/study.csv np $row)" "$np"
        for figure in payload_bytes wire_bytes; do # 6 steps: an epoch of 4, then 2
            sum=$(grep '"event":"epoch"' "$metrics" | sed "s/.*\"$figure\":\([0-9]*\).*/\1/" | awk '{ s += $1 } END { printf "%d", s }')
            equal "$rule, $np: $figure" "$(column s/study.csv $figure $row)" "$(awk "BEGIN { printf \"%.17g\", $sum / 6 }")"
            equal "$rule, $np: $figure, planned" "$(column s/study.csv predicted_$figure $row)" "$(column s/study.csv $figure $row)"
        done
        sum=$(grep '"event":"epoch"' "$metrics" | sed 's/.*[{,]"mpi_bytes":\([0-9]*\).*/\1/' | awk '{ s += $1 } END { print s / 6 }')
        equal "$rule, $np: through MPI" "$(column s/study.csv mpi_bytes $row)" "$sum"
        equal "$rule, $np: through MPI, planned" "$(column s/study.csv predicted_mpi_bytes $row)" "$sum"
        case $rule in # 4 steps of the first epoch, 2 of the second, the first not counted
        none) epochs='[12]' place=3 ;;
        head) epochs=1 place=2 ;; # the second finds its features
        esac
        seconds() { grep "\"event\":\"step\",\"epoch\":$1," "$metrics" | sed 's/.*"seconds":\([^,}]*\).*/\1/'; }
        equal "$rule, $np: median step" "$(column s/study.csv step_seconds $row)" "$(seconds "$epochs" | tail -n +2 | sort -g | sed -n ${place}p)"
        cached=$(column s/study.csv cached_step_seconds $row)
        [ "$rule" = none ] || equal "$rule, $np: on kept features" "$cached" "$(seconds 2 | awk '{ s += $1 / 2 } END { printf "%.17g", s }')"
        checks=$((checks + 1))
        [ "$rule" = head ] || [ -z "$cached" ] || fail 'a step on kept features, and nothing is frozen'
        equal "$rule, $np: foretold" "$(column s/study.csv predicted_step_seconds $row)" "$(foretold $rule $np all)"
        kept=$(column s/study.csv predicted_cached_step_seconds $row)
        equal "$rule, $np: foretold on kept features" "${kept:-none}" "$([ "$rule" = none ] && echo none || foretold $rule $np cached)"
        equal "$rule, $np: how far it was off" "$(column s/study.csv prediction_error $row)" \
            "$(awk "BEGIN { printf \"%.17g\", $(column s/study.csv predicted_step_seconds $row) / $(column s/study.csv step_seconds $row) - 1 }")"
        last=$(grep '"event":"epoch"' "$metrics" | tail -1 | sed 's/.*"val_accuracy":\([^,}]*\).*/\1/')
        equal "$rule, $np: accuracy" "$(column s/study.csv accuracy $row)" "$last"
        equal "$rule, $np: steps" "$(grep -c '"event":"step"' "$metrics")" 6
    done
done
equal 'payload of the head' "$(column s/study.csv payload_bytes 3)" $((27 * 4))
equal 'speed-up' "$(column s/study.csv speedup 2)" \
    "$(awk "BEGIN { printf \"%.17g\", $(column s/study.csv step_seconds 1) / $(column s/study.csv step_seconds 2) }")"
equal 'efficiency of one' "$(column s/study.csv efficiency 1)" 1
for plot in 'Step time by phase' 'Bytes against frozen share' 'Speed-up' 'Efficiency' 'Exposed communication' \
    'Accuracy against time' 'Accuracy against bytes'; do
    checks=$((checks + 1))
    grep -qF "<title>$plot</title>" s/report.html || fail "report.html lacks the plot '$plot'"
done
checks=$((checks + 1))
! grep -qE 'no data|[^a-z]nan[^a-z]|https?://' s/report.html || fail 'report.html has an empty plot, a NaN, or a link'
if command -v gnuplot >/dev/null; then
    checks=$((checks + 1))
    (cd s && gnuplot figure.gp) >"$work/out" 2>&1 && [ -s s/figure.pdf ] || fail 'gnuplot refuses figure.gp'
fi

# ---- a host file: what it says counts, not its name ----

echo 'localhost slots=2' >hosts
expect 0 '' 'on hosts' frostline study net.yaml --np 2 --steps 2 --run-dir h --hosts hosts
expect 0 '1 of 1 runs stood in' 'once more on hosts' frostline study net.yaml --np 2 --steps 2 --run-dir h --hosts hosts
cp hosts same
expect 0 '1 of 1 runs stood in' 'the same hosts in another file' frostline study net.yaml --np 2 --steps 2 --run-dir h --hosts same
equal 'measured once' "$(echo h/speeds-* | wc -w)" 1
echo 'localhost slots=3' >hosts
expect 0 '1 run in h/study.jsonl had another config, version or environment: left aside' 'other hosts in this file' frostline study net.yaml --np 2 --steps 2 --run-dir h --hosts hosts
equal 'measured again' "$(echo h/speeds-* | wc -w)" 2
equal 'run again' "$(lines h/study.jsonl)" 2

# What the environment asks of ranks reaches them on every host, and what it changes is another measurement.
mkdir bin
printf '#!/bin/bash\necho "$@" >>%q\nexec %q "$@"\n' "$work/told" "$(command -v mpirun)" >bin/mpirun
chmod +x bin/mpirun
expect 0 '2 runs in h/study.jsonl had another' 'other kernels' env PATH="$work/bin:$PATH" FROSTLINE_ISA=baseline "$FROSTLINE" study net.yaml --np 2 --steps 2 --run-dir h --hosts hosts
equal 'measured once more' "$(echo h/speeds-* | wc -w)" 3
equal 'run once more' "$(lines h/study.jsonl)" 3
checks=$((checks + 1))
[ "$(grep -c -e '-x OMP_NUM_THREADS -x FROSTLINE_ISA -np' told)" = "$(lines told)" ] && [ -s told ] || fail 'mpirun is not told of the environment'

# ---- rules: two that are one config are two points; one may be of another net ----

for try in 0 2; do
    said="$([ $try = 2 ] && echo '2 of 2 runs stood in')"
    expect 0 "$said" "one config twice, $try known" frostline study net.yaml --freeze config,head --steps 2 --run-dir twins 'freeze={train_last_n: 1}'
    equal "both are there, $try known" "$(column twins/study.csv runs 1)$(column twins/study.csv runs 2)" 11
done
deeper='model.layers=[{flatten: {}}, {dense: {units: 4}}, {dense: {units: 4}}, {dense: {units: 4}}, {dense: {units: 4}}, {dense: {units: 3}}]'
expect 0 'its net is not the config' 'another net' frostline study net.yaml --freeze "config,$deeper" --steps 2 --run-dir nets
checks=$((checks + 1))
[ "$(grep -c '"predicted_step_seconds":[0-9]' nets/study.jsonl)" = 1 ] && [ "$(column nets/study.csv runs 1)" = 1 ] ||
    fail 'a step is foretold from the layers of another net'

# ---- weak: each rank its own batch ----

expect 0 '' 'a weak study' frostline study net.yaml --np 1,2 --steps 2 --mode weak --run-dir weak 'freeze={until: first}'
equal 'weak, 1 rank' "$(column weak/study.csv batch_size 1)" 6
equal 'weak, 2 ranks' "$(column weak/study.csv batch_size 2)" 12

# ---- going on: nothing is run twice, what was torn is run again ----

cp s/study.jsonl before
expect 0 '4 of 4 runs stood in' 'once more' frostline study net.yaml --np 1,2 --freeze none,head --steps 6 --run-dir s
checks=$((checks + 1))
cmp -s before s/study.jsonl || fail 'a study that was complete ran something'
head -c -20 before >s/study.jsonl # as a crash leaves it
expect 0 '3 of 4 runs stood in' 'after a crash' frostline study net.yaml --np 1,2 --freeze none,head --steps 6 --run-dir s
expect 0 '4 of 8 runs stood in' 'more repeats' frostline study net.yaml --np 1,2 --freeze none,head --steps 6 --run-dir s --repeat 2
equal 'runs of a point' "$(column s/study.csv runs 4)" 2
expect 0 '' 'another length' frostline study net.yaml --np 1 --freeze none --steps 5 --run-dir s
equal 'lines now, the torn one among them' "$(lines s/study.jsonl)" 10

# ---- stopped in the middle ----

"$FROSTLINE" study net.yaml --np 1 --freeze none,head --steps 900000 --run-dir stopped >"$work/out" 2>&1 &
study=$!
for _ in $(seq 200); do # until the first run trains
    compgen -G 'stopped/runs/*/metrics.jsonl' >/dev/null && break
    sleep 0.05
done
kill -INT "$study"
wait "$study"
equal 'exit code of a stopped study' $? 75
checks=$((checks + 1))
grep -q 'stopped after [01] of 2 runs; the same command goes on' "$work/out" || fail 'it does not say that it was stopped'
checks=$((checks + 1))
[ -s stopped/report.html ] && [ -s stopped/study.csv ] || fail 'a stopped study leaves no report'

# ---- runs that others have started ----

mkdir array
for rule in none head; do
    key=$(grep "\"freeze\":\"$rule\",\"np\":2," s/study.jsonl | sed 's/{"key":"\([^"]*\)".*/\1/' | head -1)
    cp -r "s/runs/$key" array/$rule
done
cp -r array/none array/unfinished
sed -i 's/"finished"/"running"/' array/unfinished/status.json
expect 0 "'array/unfinished' is no finished run" 'a collection' frostline study net.yaml --collect array
equal 'its points' "$(lines array/study.csv)" 3
equal 'ranks' "$(column array/study.csv np 1)" 2
equal 'payload of the head' "$(column array/study.csv payload_bytes 1)" $((27 * 4))
equal 'of unfrozen' "$(column array/study.csv payload_ratio 2)" 1
expect 0 'study: there/new/report.html' 'a collection elsewhere' frostline study net.yaml --collect array --run-dir there/new
checks=$((checks + 1))
grep -q '<footer>Made from the runs in array\.' there/new/report.html && grep -q '<footer>Made from study.jsonl in this folder\.' s/report.html ||
    fail 'report.html names another source'
mkdir empty
expect 3 "'empty' holds no folder of a finished run" 'nothing to collect' frostline study net.yaml --collect empty
expect 2 'takes runs as they are' 'a grid of what is there' frostline study net.yaml --collect array --np 2

# ---- a point that fails ----

missing='data={format: idx, train: {images: missing.gz, labels: missing.gz}}'
for try in 1 2; do # tried again, for it may have been the network
    expect 3 '1 of 2 runs failed, the first with exit code 3: see bad/runs/' "a failing point, $try" \
        frostline study net.yaml --np 1 --freeze "$missing,none" --steps 2 --run-dir bad
    checks=$((checks + 1))
    grep -q 'missing.gz' "$work/out" && grep -q 'missing.gz' bad/report.html || fail 'it is not said why it failed'
    equal 'the other point' "$(tail -1 bad/study.csv | cut -d, -f2)" 1
done
equal 'lines: two of the one, one of the other' "$(lines bad/study.jsonl)" 3
expect 5 'error: cannot start' 'no mpirun' env PATH=/nowhere "$FROSTLINE" study net.yaml --steps 2 --run-dir no

# ---- mistakes are found before anything runs ----

wrong() { # FRAGMENT option…
    expect 2 "$1" "wrong: ${*:2}" frostline study net.yaml --run-dir wrong "${@:2}"
}
wrong "did you mean '--freeze'?" --freez none
wrong "is no number of ranks" --np 1,two
wrong "is no number of ranks" --np 0
wrong "is no number of ranks" --np 1,
wrong "knows no rule 'haed'; did you mean 'head'?" --freeze none,haed
wrong "did you mean 'middle'?" --freeze none,until:midle
wrong "option '--mode' cannot be 'wide'" --mode wide
wrong "'--hosts': there is no file 'nowhere'" --hosts nowhere
wrong "option '--steps' cannot be '0'" --steps 0
wrong "unknown key 'epoch'" train.epoch=3
expect 2 'leave it out' 'within mpirun' ranks 1 study net.yaml --run-dir wrong
checks=$((checks + 1))
[ ! -e wrong ] || fail 'a mistake leaves a folder'
finish
