#!/usr/bin/env bash
# The README keeps what it says: it names every command and every exit code, what it links to is there, what it shows
# of the command's output is what the command prints, its config is valid, its C program runs, its layer passes
# the conformance suite from one file and one line. And src/README.md has the include table of tests/rules.sh.
#
#   tests/readme.sh [FLAG…]     flags for the compiler (the build's sanitizers)
project=$(cd "$(dirname "$0")/.." && pwd)
. "$(dirname "$0")/run.inc.sh"
build=$(dirname "$FROSTLINE") cc=${CC:-cc} flags=("$@")
ln -s "$project/configs" configs # paths in configs start at the project's folder

# block FILE LANGUAGE PATTERN: the first fenced block of that language that holds the pattern
block() {
    awk -v open="\`\`\`$2" -v pattern="$3" '
        $0 == open { inside = 1; text = ""; next }
        inside && /^```/ { inside = 0; if (text ~ pattern) { printf "%s", text; exit } }
        inside { text = text $0 "\n" }' "$project/$1"
}

# ---- names ----

commands=$("$FROSTLINE" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
codes=$(sed -n 's/^ *FL_[A-Z_]* = \([0-9]*\),.*/\1/p' "$project/include/frostline/base.h")
for command in $commands; do
    checks=$((checks + 1))
    grep -qE "\`$command( [^\`]*)?\`" "$project/README.md" || fail "README.md does not name the command '$command'"
done
for code in $codes; do
    checks=$((checks + 1))
    sed -n '/^Exit codes:/,/^$/p' "$project/README.md" | grep -qE "(^|[ ·])$code [a-zA-Z]" || fail "README.md does not name the exit code $code"
done
checks=$((checks + 1))
[ "$(wc -w <<<"$commands")" -ge 10 ] && [ "$(wc -w <<<"$codes")" -ge 10 ] || fail 'commands or exit codes were not found'

# ---- paths ----

# paths FILE: what it links to, and what looks like a file of the project
paths() {
    grep -oE '\]\([^)#:]+\)' "$1" | tr -d '])('
    grep -oE '(^|[^A-Za-z0-9_/.-])(src|include|configs|tests|cluster)/[A-Za-z0-9_./-]*' "$1" |
        sed -E 's/^[^a-z]//; s/[.]$//' | sed "s|^|$project/|"
}
for file in README.md src/README.md; do
    while read -r path; do
        checks=$((checks + 1))
        (cd "$project/${file%README.md}" && [ -e "$path" ]) || fail "$file names '${path#"$project"/}', which is not there"
    done < <(paths "$project/$file" | sort -u)
done

# ---- output: blocks `console`; a line `…` stands for any lines ----

matches() { # SHOWN PRINTED
    awk 'NR == FNR { printed[++n] = $0; next }
        $0 == "…" { free = 1; next }
        { while (free && at < n && printed[at + 1] != $0) at++
          if (printed[++at] != $0) { print "not printed: " $0; exit bad = 1 }
          free = 0 }
        END { exit bad || !(free || at == n) }' "$2" "$1"
}
awk '$0 == "```console" { inside = 1; next } /^```/ { inside = 0 }
    inside && /^\$ / { file = sprintf("shown%02d", ++n); print substr($0, 3) >(file ".command"); next }
    inside { print >file }' "$project/README.md"
for command in shown*.command; do
    checks=$((checks + 1))
    read -ra words <"$command"
    "$FROSTLINE" "${words[@]:1}" >printed 2>&1
    matches "${command%.command}" printed >out || fail "README.md: '${words[*]}' prints something else"
done

# ---- the config, the program, the layer ----

block README.md yaml '^name: flowers' >flowers.yaml
expect 0 'units: 256' 'the config in README.md' frostline config flowers.yaml

block README.md c 'int main' >program.c
cat >net.yaml <<'YAML'
model: {input: [8], layers: [{dense: {name: fc, units: 4, activation: relu}}, {dense: {units: 3, activation: softmax}}]}
freeze: {layers: [fc]}
data: {format: synthetic, train: {rows: 60, classes: 3}}
YAML
expect 0 '' 'the C program compiles' "$cc" -std=gnu11 -Wall -Wextra -Werror "${flags[@]}" -I"$project/include" program.c \
    -L"$build" -Wl,-rpath,"$build" -lfrostline -o program
expect 0 'class 2: 0.' 'the C program, alone' ./program net.yaml
expect 0 'class 2: 0.' 'the C program, on two ranks' mpirun -q -np 2 ./program net.yaml train.epochs=2
expect 2 "did you mean 'layers'" 'the C program, misled' ./program net.yaml freeze.layer=fc

mkdir -p one/layer
block src/README.md c 'const fl_layer_ops fl_layer_scale' >one/layer/scale.c
{ cat "$project/src/layer/layers.def" && echo 'FL_LAYER(scale)'; } >one/layer/layers.def
# The list and the suite anew; the rest of the room from its library.
# shellcheck disable=SC2046 # flags are words
expect 0 '' 'the layer compiles' "$cc" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror "${flags[@]}" -Ione -I"$project/include" \
    -I"$project/src" -I"$project/tests" one/layer/scale.c "$project"/src/layer/registry.c "$project"/tests/{test_layer,layer_check}.c \
    "$build"/libfl_{layer,config,kernel,base}.a $(pkg-config --cflags --libs cmocka yaml-0.1 jansson openblas libxxhash) \
    -fopenmp -pthread -lm -o layers
expect 0 'PASSED' 'the layer passes the conformance suite' ./layers

# ---- the table of who may include whom ----

sed -n "/^layers='/,/^'/s/^\([a-z]*\): */\1 /p" "$project/tests/rules.sh" | sed 's/ $//' >rules
sed -n '/^| room /,/^$/s/^| \([a-z]*\) | \(.*\) |$/\1 \2/p' "$project/src/README.md" | grep -v '^room ' | sed 's/ –$//' >table
checks=$((checks + 2))
[ "$(wc -l <rules)" -ge 10 ] || fail 'the table of tests/rules.sh was not found'
diff rules table >out || fail 'src/README.md and tests/rules.sh have different include tables'
finish
