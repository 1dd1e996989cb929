#!/usr/bin/env bash
# Whatever runs a convolution, the run is the same up to rounding: every set of kernels, every algorithm that can be
# forced. The plan shows what was asked for; what cannot be is refused, with its place and with what can.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
name: kernels
model:
  input: [12, 12, 3]
  layers:
    - conv2d: {name: a, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - max_pool2d: {name: pool, pool_size: 2}
    - conv2d: {name: b, filters: 16, kernel_size: 3, padding: same, activation: relu}
    - conv2d: {name: c, filters: 16, kernel_size: 1, activation: relu}
    - conv2d: {name: d, filters: 16, kernel_size: 3, strides: 2, padding: same}
    - flatten: {}
    - dense: {name: out, units: 3}
freeze: {layers: [a]}
data: {format: synthetic, train: {rows: 24, classes: 3}}
train: {epochs: 1, batch_size: 8}
optimizer: {type: sgd, learning_rate: 0.01}
checkpoint: {keep_last: 1}
YAML
weights=checkpoints/latest/model.safetensors
sets=$("$FROSTLINE" info | sed -n 's/^kernels .*of: //p')

# like RUN TOLERANCE override…: trains, and compares with the reference
like() {
    local run=$1 tolerance=$2
    shift 2
    expect 0 'epoch 1/1' "$run" frostline train net.yaml "$@" --run-dir "$run"
    near reference/$weights "$run/$weights" "$tolerance"
}
# way LAYER FORWARD DX DW override…: what the plan has run a layer
way() {
    local layer=$1 wanted="$2 $3 $4" got
    shift 4
    checks=$((checks + 1))
    got=$("$FROSTLINE" plan net.yaml --json "$@" | tr '{' '\n' | grep -A9 "\"name\": *\"$layer\"" | grep -m1 '"forward": *"' |
        sed 's/.*"forward": *"\([^"]*\)".*"input_gradient": *"\([^"]*\)".*"weight_gradient": *"\([^"]*\)".*/\1 \2 \3/')
    [ "$got" = "$wanted" ] || fail "the plan has $layer run by '$got' instead of '$wanted' ($*)"
}

FROSTLINE_ISA=reference expect 0 'epoch 1/1' 'reference' frostline train net.yaml --run-dir reference
checks=$((checks + 1))
[ "$(wc -w <<<"$sets")" -ge 2 ] || fail "sets of kernels: '$sets'"
for set in $sets; do
    [ "$set" = reference ] && continue
    export FROSTLINE_ISA=$set
    like "$set" 1e-5
    for three in winograd4 winograd7 implicit im2col; do # what 3×3 windows with stride 1 can be run by
        forced=("kernels.rules=[{layers: [a, b], conv: $three, conv_dx: $three, conv_dw: $three}]")
        like "$set-$three" 1e-5 "${forced[@]}"
        way b "$three" "" "$three" "${forced[@]}"
    done
    like "$set-plain" 1e-5 kernels.conv=im2col kernels.conv_dx=im2col kernels.conv_dw=im2col
    way d im2col im2col im2col kernels.conv=im2col kernels.conv_dx=im2col kernels.conv_dw=im2col
    way a im2col '' '' kernels.conv=im2col
    like "$set-gemm" 1e-5 'kernels.rules=[{layers: [c], conv: gemm, conv_dx: gemm}]'
    way c gemm gemm im2col 'kernels.rules=[{layers: "?", conv: auto}, {layers: [c], conv: gemm, conv_dx: gemm, conv_dw: im2col}]'
    unset FROSTLINE_ISA
done

# The last rule that is about a layer holds; a static layer with another algorithm has other features, and ranks that
# were told differently do not begin.
way b implicit implicit im2col kernels.conv=winograd4 \
    'kernels.rules=[{layers: "*", conv: implicit, conv_dw: im2col}, {layers: [b], conv_dx: implicit}]' '~freeze'
expect 0 'epoch 1/1' 'features' frostline train net.yaml data.cache_features=disk --run-dir f1
expect 0 'epoch 1/1' 'features of another kernel' frostline train net.yaml data.cache_features=disk \
    'kernels.rules=[{layers: [a], conv: implicit}]' --run-dir f2
checks=$((checks + 1))
[ "$(find runs/features -name '*-training.cache' | wc -l)" -eq 2 ] || fail 'kernels share a file of features'
expect 6 'ranks disagree on config' 'ranks of other kernels' mpirun -q -np 1 "$FROSTLINE" train net.yaml kernels.conv_dw=im2col : \
    -np 1 "$FROSTLINE" train net.yaml

# ---- what cannot be ----

expect 2 "did you mean 'winograd4'?" 'a misspelt algorithm' frostline plan net.yaml kernels.conv=winograd5
expect 2 "that fits layer 'c' forward (1×1" 'what does not fit' frostline plan net.yaml kernels.conv=winograd4
expect 2 'these fit: ' 'what would' frostline plan net.yaml kernels.conv=winograd4
expect 2 'conv: winograd7' 'its place' frostline plan net.yaml 'kernels.rules=[{layers: [d], conv: winograd7}]'
expect 2 'for the gradient of its weights' 'another pass' frostline plan net.yaml kernels.conv_dw=gemm
expect 2 "did you mean 'pool'?" 'no such layer' frostline plan net.yaml 'kernels.rules=[{layers: [pol], conv: auto}]'
expect 2 "'pool' means no conv2d layer" 'no convolution' frostline plan net.yaml 'kernels.rules=[{layers: [pool], conv: auto}]'
expect 2 'rules must be a list' 'no list' frostline plan net.yaml 'kernels.rules={layers: [a]}'
expect 2 "unknown key 'algorithm'" 'an unknown key' frostline plan net.yaml 'kernels.rules=[{layers: [a], algorithm: auto}]'
FROSTLINE_ISA=reference expect 2 "the reference kernels have no 'implicit'" 'the reference' frostline plan net.yaml kernels.conv=implicit
FROSTLINE_ISA=baseline expect 2 'AVX-512 BF16' 'bf16 elsewhere' frostline plan net.yaml kernels.static_precision=bf16

# ---- bf16: where the machine has it ----

if "$FROSTLINE" plan net.yaml kernels.static_precision=bf16 >out 2>&1; then
    expect 0 'epoch 1/1' 'bf16' frostline train net.yaml --run-dir bf16 'kernels.rules=[{layers: [a], conv: winograd4, static_precision: bf16}]'
    way a winograd4_bf16 '' '' 'kernels.rules=[{layers: [a], conv: winograd4}]' kernels.static_precision=bf16
    way a winograd4 '' '' 'kernels.rules=[{layers: [a], conv: winograd4, static_precision: float32}]' kernels.static_precision=bf16
else
    expect 2 'AVX-512 BF16' 'no bf16' frostline plan net.yaml kernels.static_precision=bf16
fi

# ---- errors as a command ----

expect 0 'float32' 'bench error' frostline bench error net.yaml
expect 0 '"rms"' 'bench error, JSON' frostline bench error net.yaml --json
expect 2 'one rank' 'bench error on two ranks' ranks 2 bench error net.yaml
finish
