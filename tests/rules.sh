#!/usr/bin/env bash
# The house rules that a machine can check (src/README.md has them all).
#
#   tests/rules.sh [TREE [BUILD]]     of this checkout and of no build, if left out
#
# Prints `file:line: what is wrong` for each breach; exit code 1 if there was one. With a BUILD folder the
# symbols that its libraries export are checked too.
set -uo pipefail

# ---- the data ----

# room: headers of which rooms it may include, besides its own
layers='
base:
config:     base
comm:       base
kernel:     base
layer:      base config kernel
weights:    base
model:      base config kernel layer weights
freeze:     base config layer model
frost:      base
plan:       base config kernel layer model freeze frost data
data:       base config weights
optim:      base config kernel
reduce:     base config comm
checkpoint: base
cost:       base layer model freeze plan
report:     base config layer model freeze plan
simulate:   base comm cost
keras:      base weights
train:      base config comm kernel layer weights model freeze frost plan data optim reduce checkpoint report
cli:        base config comm kernel layer weights model freeze frost plan data optim reduce checkpoint cost report simulate train
'
# headers that do not bear their room's name
header_room='log.h:base half.h:base process.h:base trace.h:base arena.h:base rng.h:base tensor.h:base field.h:config traffic.h:comm each.h:kernel conv.h:kernel study.h:report'

# external header: the files that may include it (a glob), and how many of them may
externals='
mpi.h       src/@(comm|simulate/smpi)/*  99
cblas.h     src/kernel/*        1
yaml.h      src/config/yaml.c   1
xxhash.h    src/base/*          1
jpeglib.h   src/data/*          1
png.h       src/data/*          2
zlib.h      src/data/*          1
hdf5.h      src/keras/*         1
jansson.h   src/*               99
'
# rooms that must not know JSON at all
json_free='base comm kernel layer freeze frost optim reduce data'

# rooms of plug-ins, and the list of each
plugins='layer:layers.def optim:optimizers.def optim:schedules.def reduce:reducers.def data:datasets.def weights:weights.def'

max_lines_source=300 max_lines_test=500 max_columns=100 max_function=80

# ---- the machinery ----

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$here/..}" || exit 2
build=${2-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Reads `file:line` lines and prints and keeps each as a breach of the rule whose reason is given.
breach() {
    local line
    while IFS= read -r line; do
        printf '%s: %s\n' "$line" "$1"
    done | tee -a "$tmp/breaches"
}

# C files below the named folders, as they are on disk.
c_files() { find "$@" -type f \( -name '*.c' -o -name '*.h' \) 2>/dev/null | sort; }
text_files() {
    find src include tests cluster configs CMakeLists.txt CMakePresets.json README.md -type f \
        ! -name '*.safetensors' ! -name '*.gz' ! -name '*.png' ! -name '*.jpg' ! -name '*.npy' \
        ! -path 'tests/data/*' 2>/dev/null | sort
}

room_of_header() { # base.h → base
    local pair
    for pair in $header_room; do
        [ "${pair%%:*}" = "$1" ] && echo "${pair#*:}" && return
    done
    echo "${1%.h}"
}

# ---- the rules ----

rule_layers() {
    local file room allowed found line header target
    while IFS= read -r file; do
        case "$file" in
        include/frostline/frostline.h | src/main.c) continue ;; # the tour, and what stands above all
        include/*) room=$(room_of_header "${file##*/}") ;;
        *) room=${file#src/} room=${room%%/*} ;;
        esac
        if ! allowed=$(grep "^$room:" <<<"$layers"); then
            echo "$file:1" | breach "room '$room' is not in the include table"
            continue
        fi
        allowed=" $room ${allowed#*:} "
        while IFS=: read -r line found; do
            header=${found#*\"} header=${header%%\"*}
            case "$header" in
            frostline/*) target=$(room_of_header "${header#frostline/}") ;;
            */*) target=${header%%/*} ;;
            *) target=$room ;;
            esac
            [[ $allowed == *" $target "* ]] ||
                echo "$file:$line" | breach "'$header': room '$room' may not include room '$target'"
            # what is simulated is the inside of comm
            if [[ $header != frostline/* && $target != "$room" && $file != src/simulate/smpi/* ]]; then
                echo "$file:$line" | breach "'$header' is private to room '$target'"
            fi
        done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file")
    done < <(c_files include src)
}

rule_externals() {
    local header where most file n
    while read -r header where most; do
        [ -n "$header" ] || continue
        n=0
        while IFS= read -r file; do
            n=$((n + 1))
            # shellcheck disable=SC2053 # a glob is meant
            [[ ${file%%:*} == $where ]] || echo "$file" | breach "<$header> has its home in $where"
            [ "$n" -le "$most" ] || echo "$file" | breach "<$header> is to be included by $most file(s)"
        done < <(grep -rnE "#[[:space:]]*include[[:space:]]*[<\"](openblas/)?${header}[>\"]" src include 2>/dev/null | cut -d: -f1,2 | sort)
    done <<<"$externals"
    for where in $json_free; do
        grep -rnE 'include[[:space:]]*<jansson' "src/$where" 2>/dev/null | cut -d: -f1,2 |
            breach "room '$where' knows no JSON"
    done
}

rule_memory() {
    local calls='malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|strdup|strndup|asprintf|vasprintf|abort|exit'
    grep -rnE "(^|[^A-Za-z0-9_.>])($calls)\(" src include --include='*.c' --include='*.h' 2>/dev/null |
        grep -v '^src/base/' | cut -d: -f1,2 | breach 'memory and exits belong to src/base: fl_alloc, fl_free, fl_fail'
}

rule_sizes() {
    local file n
    while IFS= read -r file; do
        n=$(wc -l <"$file")
        case "$file" in
        tests/*) [ "$n" -le "$max_lines_test" ] || echo "$file:$n" | breach "a test of over $max_lines_test lines" ;;
        *) [ "$n" -le "$max_lines_source" ] || echo "$file:$n" | breach "over $max_lines_source lines: split by concept" ;;
        esac
    done < <(c_files src include tests)
    # A line's width is in characters, not bytes.
    c_files src include tests | tr '\n' '\0' | LC_ALL=C.UTF-8 xargs -0r grep -nHE "^.{$((max_columns + 1)),}" |
        cut -d: -f1,2 | breach "over $max_columns columns"
}

# `lines file:line` of each function. The formatter puts its head at column 0 and its end at a `}` there.
function_sizes() {
    c_files src include | tr '\n' '\0' | xargs -0r awk '
        FNR == 1 { head = 0 }
        /^[A-Za-z_]/ && !/;[[:space:]]*$/ && !head { start = FNR; parens = 0 }
        /^[A-Za-z_].*\)[[:space:]]*\{.*\}[[:space:]]*$/ { print 1, FILENAME ":" FNR; next }
        !head && /\)[[:space:]]*\{[[:space:]]*$/ && (/^[A-Za-z_]/ || (/^[[:space:]]/ && start)) { head = start }
        /^[^[:space:]].*;[[:space:]]*$/ && !head { start = 0 }
        /^\}/ { if (head) print FNR - head + 1, FILENAME ":" head; head = start = 0 }'
}

rule_functions() {
    function_sizes >"$tmp/functions"
    awk -v max="$max_function" '$1 > max { print $2 }' "$tmp/functions" |
        breach "a function of over $max_function lines"
    sort -n "$tmp/functions" | awk '
        { n[NR] = $1 }
        END {
            if (NR < 20) exit
            if (n[int(NR / 2) + 1] > 12) print "src:0: the median function has " n[int(NR / 2) + 1] " lines"
            if (n[int(NR * 0.9) + 1] > 40) print "src:0: one function in ten has over 40 lines"
        }' | breach 'functions are to be small'
}

rule_words() {
    local later='TO''DO|FIX''ME|X''XX|HA''CK'
    text_files | tr '\n' '\0' | xargs -0r grep -nHwE "$later" | cut -d: -f1,2 |
        breach 'finish it now, or open an issue'
    text_files | tr '\n' '\0' | xargs -0r grep -nHE '(^|[^A-Za-z0-9._$}/-])/(home|root|work|Users)/' |
        cut -d: -f1,2 | breach 'a path of one machine'
}

rule_format() {
    if ! command -v clang-format-14 >/dev/null; then
        echo "note: no clang-format-14 here; the formatting is not checked"
        return
    fi
    c_files src include tests | tr '\n' '\0' | xargs -0r clang-format-14 --dry-run 2>&1 |
        grep -E '^[^[:space:]].*: (warning|error):' | cut -d: -f1,2 | sort -u | breach 'clang-format-14 -i it'
}

rule_headers() {
    local header all=include/frostline/frostline.h
    for header in include/frostline/*.h; do
        [ -e "$header" ] || continue
        echo "#include \"frostline/${header##*/}\"" >"$tmp/alone.c"
        "${CC:-cc}" -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -D_GNU_SOURCE -Iinclude "$tmp/alone.c" 2>"$tmp/why" ||
            echo "$header:1" | breach "does not compile alone: $(grep -m1 error "$tmp/why")"
        [[ ! -e $all || $header == "$all" ]] || grep -qF "\"frostline/${header##*/}\"" "$all" ||
            echo "$header:1" | breach "is missing from $all"
    done
}

# `room file symbol` of everything that the libraries of a build export.
exported_symbols() {
    local library room
    for library in "$build"/libfl_*.a; do
        room=${library##*/libfl_} room=${room%.a}
        nm -A -g --defined-only "$library" 2>/dev/null |
            awk -v room="$room" '{ split($1, at, ":"); sub(/\.o$/, "", at[2]); print room, at[2], $NF }'
    done
}

rule_symbols() {
    local pair room list entry
    [ -n "$build" ] || return
    exported_symbols | grep -vE ' (__asan|__odr_asan|__ubsan|__gcov|__llvm)' >"$tmp/symbols"
    awk '$3 !~ /^fl_/ { print "src/" $1 "/" $2 ":1: \047" $3 "\047" }' "$tmp/symbols" |
        breach 'an exported name that does not begin with fl_'
    for pair in $plugins; do
        room=${pair%%:*} list=src/$room/${pair#*:}
        [ -e "$list" ] || continue
        grep -oE '\([[:space:]]*[a-z0-9_]+' "$list" | tr -d '( \t' | while IFS= read -r entry; do
            awk -v room="$room" -v file="$entry.c" '$1 == room && $2 == file { n++ }
                END { if (n > 1) print "src/" room "/" file ":1: " n " exported symbols" }' "$tmp/symbols"
        done | breach 'a plug-in exports its table and nothing else'
    done
}

for rule in layers externals memory sizes functions words format headers symbols; do
    "rule_$rule"
done
[ -s "$tmp/breaches" ] || exit 0
echo "$(wc -l <"$tmp/breaches") breach(es) of the house rules"
exit 1
