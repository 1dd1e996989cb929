#!/usr/bin/env bash
# `frostline bench`: what it prints is JSON with its keys, or a table; each convolution of a net is there once, each of
# its algorithms once, just one of them chosen, and the one that the plan names; no figure is negative or missing; a step
# needs no data files. How long things take is not tested.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
model:
  input: [12, 12, 3]
  layers:
    - conv2d: {name: first, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - max_pool2d: {pool_size: 2}
    - conv2d: {name: twin1, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: twin2, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: point, filters: 8, kernel_size: 1, activation: gelu}
    - depthwise_conv2d: {name: deep, kernel_size: 3, strides: 2}
    - batch_norm: {}
    - flatten: {}
    - dense: {name: head, units: 4, activation: softmax}
freeze: {until: twin2}
data: {format: idx, train: {images: no/such/file, labels: nor/this}}
train: {batch_size: 5, gradient_accumulation_steps: 2}
YAML

# Turns the file `json` into lines "path value", one per leaf, such as "results 0 algorithm winograd4"
cat >leaves.cmake <<'CMAKE'
function(leaves path)
  string(JSON type TYPE "${json}" ${path})
  if(type STREQUAL "OBJECT" OR type STREQUAL "ARRAY")
    string(JSON n LENGTH "${json}" ${path})
    if(n GREATER 0)
      math(EXPR last "${n} - 1")
      foreach(i RANGE ${last})
        set(key ${i})
        if(type STREQUAL "OBJECT")
          string(JSON key MEMBER "${json}" ${path} ${i})
        endif()
        leaves("${path};${key}")
      endforeach()
    endif()
  else()
    string(JSON value GET "${json}" ${path})
    string(REPLACE ";" " " words "${path}")
    file(APPEND leaves "${words} ${value}\n")
  endif()
endfunction()
file(READ json json)
string(JSON n LENGTH "${json}")
math(EXPR last "${n} - 1")
foreach(i RANGE ${last})
  string(JSON key MEMBER "${json}" ${i})
  leaves(${key})
endforeach()
CMAKE
measure() { # what command…: runs it, and leaves its JSON in `leaves`
    local what=$1
    shift
    rm -f leaves
    expect 0 '' "$what" "$@" --json
    checks=$((checks + 1))
    grep '^{' "$work/out" >json # warnings stand above it
    cmake -P leaves.cmake >why 2>&1 || fail "$what: no JSON"
}
has() { # PATTERN…: each matches a leaf
    local pattern
    for pattern in "$@"; do
        checks=$((checks + 1))
        grep -qE "^$pattern$" leaves || fail "no '$pattern'"
    done
}
count() { # N PATTERN
    checks=$((checks + 1))
    [ "$(grep -cE "^$2$" leaves)" -eq "$1" ] || fail "$(grep -cE "^$2$" leaves) times '$2' instead of $1"
}
positive='[0-9.]*[1-9][0-9.]*(e[-+]?[0-9]+)?'
number='[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?'
results() { grep -cE '^results [0-9]+ algorithm ' leaves; }
speeds() { # of every result
    local key
    for key in seconds gflops share_of_peak; do count "$(results)" "results [0-9]+ $key $positive"; done
}

# ---- the convolutions of a net ----

measure 'conv' frostline bench conv net.yaml --rows 3 --repeat 1
has 'bench conv' 'net net.yaml' 'rows 3' 'repeat 1' 'threads [0-9]+' "peak_gflops $positive" 'kernels [a-z0-9]+' 'blas .+' \
    'results [0-9]+ layer first' 'results [0-9]+ layer twin1' 'results [0-9]+ layer point' 'results [0-9]+ layer deep' \
    'results 0 input 0 12' 'results 0 output 2 16' 'results 0 kernel_size 1 3' 'results 0 strides 0 1' \
    'results [0-9]+ packed_bytes [0-9]+' 'results [0-9]+ depthwise (ON|true)'
count 0 'results [0-9]+ layer twin2' # it is like twin1
speeds
checks=$((checks + 2))
[ "$(results)" -ge 4 ] || fail 'fewer results than convolutions'
grep -E ' (layer|algorithm) ' leaves | paste - - | cut -d' ' -f4- | sort | uniq -d | grep . && fail 'an algorithm is there twice'
for layer in first twin1 point deep; do
    chosen=''
    for i in $(sed -n "s/^results \([0-9]*\) layer $layer$/\1/p" leaves); do
        grep -qE "^results $i chosen (ON|true)$" leaves && chosen+=$(sed -n "s/^results $i algorithm //p" leaves)' '
    done
    checks=$((checks + 1))
    [ "$(wc -w <<<"$chosen")" -eq 1 ] || fail "$layer: chosen are '$chosen'"
    [ "$layer" = first ] && first=${chosen% }
done
n=$(sed -n 's/^results \([0-9]*\) layer twin1$/\1/p' leaves | head -1)
has "results $n layers 2" "results $n pool 1"
[ "$first" = loops ] || has 'results 0 pool 2' # the pooling behind it is fused
expect 0 '' 'the plan' frostline plan net.yaml train.batch_size=3 train.gradient_accumulation_steps=1
checks=$((checks + 1))
[ "$first" = loops ] || grep -E '(^| )first ' "$work/out" | grep -qw -- "$first" || fail "the plan does not have '$first' run the first layer"
expect 0 'GFLOP/s' 'the table' frostline bench conv net.yaml --rows 1 --repeat 1
checks=$((checks + 1))
[ "$(grep -c '^first ' "$work/out")" -ge 1 ] || fail 'the table has no rows for a layer'

# ---- products ----

measure 'gemm' frostline bench gemm --rows 2 --repeat 1
has 'bench gemm' 'rows 2' "peak_gflops $positive" 'results [0-9]+ operation product' 'results [0-9]+ operation forward' \
    'results [0-9]+ operation dX' 'results [0-9]+ operation dW' 'results [0-9]+ m 2' 'results [0-9]+ k 25088' \
    'results [0-9]+ algorithm gemm'
speeds
count "$(results)" "results [0-9]+ gigabytes_per_second $positive"
expect 0 'GB/s' 'the table' frostline bench gemm --rows 1 --repeat 1

# ---- a step ----

step() { # what RANKS override…
    local what=$1 ranks=$2
    shift 2
    measure "$what" ranks "$ranks" bench step net.yaml "$@" --steps 3 --warmup 1
    has 'bench step' 'config net.yaml' "ranks $ranks" 'batch_size 5' 'steps 3' 'warmup 1' "samples_per_second $positive" \
        "gflops $positive" "share_of_peak $positive" "memory peak_rss_bytes $positive" "memory pss_bytes_all_ranks $positive" \
        "loss $number"
    local key
    for key in median p10 p90; do has "step_seconds $key $positive"; done
    for key in static forward backward reduce_exposed update other; do has "time $key median $number" "time $key p10 $number"; done
}
step 'a step' 1
[ "$first" = loops ] || has "algorithms .*$first [0-9]+.*"
has "time static median $positive" "time backward median $positive"
step 'two ranks' 2
step 'three ranks, nothing frozen' 3 '~freeze' train.clip_grad_norm=1.0
has 'algorithms .+'
step 'another loss' 1 train.loss=mse model.layers.8.dense.activation=linear
expect 0 'samples/s' 'the table' frostline bench step net.yaml --steps 1 --warmup 1

# ---- mistakes ----

expect 2 "did you mean 'conv'?" 'a misspelt measurement' frostline bench cnov
expect 2 'conv, gemm, error, allreduce, step, layers and network' 'an unknown measurement' frostline bench elephants
expect 2 'what to measure' 'none' frostline bench --json
expect 2 "option '--rows' cannot be '0'" 'no rows' frostline bench gemm --rows 0
expect 2 "option '--repeat' cannot be 'x'" 'no number' frostline bench conv net.yaml --repeat x
expect 2 'takes no CONFIG' 'a config for nothing' frostline bench gemm net.yaml
expect 2 "'frostline bench step' needs a CONFIG" 'no config' frostline bench step
expect 2 "did you mean '--steps'?" 'a misspelt option' ranks 2 bench step net.yaml --stesp 3
FROSTLINE_ISA=none expect 2 'FROSTLINE_ISA=none' 'no such kernels' ranks 2 bench step net.yaml
finish
