#!/usr/bin/env bash
# Every rule of tests/rules.sh can fail: small trees, each with one breach that must be found at its place,
# and one without any.
set -uo pipefail
rules=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/rules.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

fresh() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/{src/{base,layer,data,comm,config,train},include/frostline,tests,configs,cluster}
    printf '#include <stddef.h>\n\nsize_t fl_base(void);\n' >"$tree/include/frostline/base.h"
    printf '#include "frostline/base.h"\n\nint fl_one(void) { return 1; }\n' >"$tree/src/layer/one.c"
    printf 'BasedOnStyle: LLVM\nColumnLimit: 100\n' >"$tree/.clang-format"
}

# expect WHAT PLACE TEXT: the tree as it stands has exactly this breach
expect() {
    local output
    if output=$(bash "$rules" "$tree" "${build-}"); then
        echo "FAILED: $1: not found" && failures=$((failures + 1))
    elif ! grep -qF "$2: " <<<"$output" || ! grep -qF "$3" <<<"$output"; then
        echo "FAILED: $1: expected '$2: … $3' in" && echo "$output" && failures=$((failures + 1))
    elif [ "$(grep -c ':[0-9]*: ' <<<"$output")" -ne 1 ]; then
        echo "FAILED: $1: more than one breach in" && echo "$output" && failures=$((failures + 1))
    fi
    fresh
}

put() { printf '%b' "$2" >"$tree/$1"; }
lines() { local i && for ((i = 0; i < $1; i++)); do printf '%b' "$2"; done; }

fresh
bash "$rules" "$tree" || { echo "FAILED: a clean tree is refused" && failures=$((failures + 1)); }

put src/layer/two.c '#include "frostline/comm.h"\n'
expect 'upward include' src/layer/two.c:1 "room 'layer' may not include room 'comm'"
put include/frostline/log.h '#include "frostline/field.h"\n#include "frostline/tensor.h"\n'
put include/frostline/tensor.h '\n'
put include/frostline/field.h '\n'
expect 'a header that reaches up' include/frostline/log.h:1 "room 'base' may not include room 'config'"
put src/train/two.c '#include "layer/one.h"\n'
expect 'private header of another room' src/train/two.c:1 "private to room 'layer'"
mkdir "$tree/src/attic" && put src/attic/a.c 'int fl_attic;\n'
expect 'unknown room' src/attic/a.c:1 'not in the include table'
put src/train/two.c '#include <mpi.h>\n'
expect 'MPI outside comm' src/train/two.c:1 '<mpi.h> has its home in src'
put src/data/one.c '#include <jpeglib.h>\n'
put src/data/two.c '#include <jpeglib.h>\n'
expect 'two homes' src/data/two.c:1 'by 1 file(s)'
put src/layer/two.c '#include <jansson.h>\n'
expect 'JSON in a layer' src/layer/two.c:1 'knows no JSON'
for call in malloc calloc realloc free abort exit strdup; do
    put src/layer/two.c "int fl_two(void) { return $call(0); }\n"
    expect "$call outside base" src/layer/two.c:1 'belong to src/base'
done
lines 301 '/* */\n' >"$tree/src/layer/two.c"
expect 'a long file' src/layer/two.c:301 'over 300 lines'
lines 501 '/* */\n' >"$tree/tests/test_two.c"
expect 'a long test' tests/test_two.c:501 'over 500 lines'
{ printf '// ' && lines 98 'x' && echo; } >"$tree/src/layer/two.c"
sed -i 's/Limit: 100/Limit: 0/' "$tree/.clang-format"
expect 'a wide line' src/layer/two.c:1 'over 100 columns'
{ printf '// ' && lines 97 'ü' && echo; } >"$tree/src/layer/two.c"
bash "$rules" "$tree" >/dev/null || { echo "FAILED: columns are counted in bytes" && failures=$((failures + 1)); }
fresh
{ printf 'void fl_two(int a,\n            int b) {\n' && lines 80 '  a = b;\n' && echo '}'; } >"$tree/src/layer/two.c"
sed -i 's/Limit: 100/Limit: 0/' "$tree/.clang-format"
expect 'a long function' src/layer/two.c:1 'function of over 80 lines'
for ((i = 0; i < 20; i++)); do
    printf 'void fl_f%d(int *a) {\n' "$i" && lines 11 '  *a = 1;\n' && echo '}'
done >"$tree/src/layer/two.c"
expect 'a median of 13 lines' src:0 'median function has 13 lines'
put configs/a.yaml "a: 1 # TO""DO later\n"
expect 'unfinished work' configs/a.yaml:1 'finish it now'
put configs/a.yaml "a: /ho""me/me/x\n"
expect 'a path of one machine' configs/a.yaml:1 'a path of one machine'
put include/frostline/log.h 'size_t fl_log(void);\n'
expect 'a header that does not stand alone' include/frostline/log.h:1 'does not compile alone'
put include/frostline/frostline.h '#include "frostline/base.h"\n'
put include/frostline/log.h '#include <stddef.h>\n'
expect 'a header that the tour leaves out' include/frostline/log.h:1 'is missing from'
if command -v clang-format-14 >/dev/null; then
    put src/layer/two.c 'int  fl_two;\n'
    expect 'formatting' src/layer/two.c:1 'clang-format-14'
fi

library() { # room source…: puts them into a library of a build
    build=$tree/build
    mkdir -p "$build"
    local room=$1 source && shift
    for source in "$@"; do cc -c -o "$build/${source##*/}.o" "$tree/$source" || exit 2; done
    ar rc "$build/libfl_$room.a" "$build"/*.o
}
put src/layer/two.c 'int helper(void) { return 1; }\n'
library layer src/layer/two.c
expect 'an exported helper' src/layer/two.c:1 'does not begin with fl_'
put src/layer/two.c 'int fl_a(void) { return 1; }\nint fl_b(void) { return 1; }\n'
put src/layer/layers.def 'FL_LAYER(two)\n'
library layer src/layer/two.c
expect 'a plug-in that exports two things' src/layer/two.c:1 'exports its table and nothing else'

[ "$failures" -eq 0 ] && echo "every rule can fail"
