#!/usr/bin/env bash
# `frostline convert`: nothing but what was asked for changes, what was changed comes back, and mistakes leave no file.
. "$(dirname "$0")/run.inc.sh"

cat >net.yaml <<'YAML'
model:
  base: mobilenet_v1
  alpha: 0.25
  include_top: false
  input: [32, 32, 3]
  layers:
    - global_avg_pool2d: {}
    - dense: {name: head, units: 3, activation: softmax}
data: {format: synthetic, train: {rows: 8, classes: 3}}
train: {epochs: 1, batch_size: 4}
YAML
expect 0 '' 'a run' ranks 1 train net.yaml --run-dir run
cp -L run/checkpoints/latest/model.safetensors own.safetensors
hash_of() { "$FROSTLINE" inspect "$1" | grep -oE 'hash [0-9a-f]{16}$'; }
equal() { # WHAT FILE FILE
    checks=$((checks + 1))
    [ -n "$(hash_of "$2")" ] && [ "$(hash_of "$2")" = "$(hash_of "$3")" ] || fail "$1: $2 and $3 differ"
}
to() { # FRAGMENT WHAT IN OUT option…
    expect 0 "$1" "$2" frostline convert "${@:3}"
}

# ---- names ----

to "135 tensors of mobilenet_v1, by Frostline's names; of other names, which stay: head.weight, head.bias" "Keras's names" own.safetensors keras.safetensors --names keras
checks=$((checks + 1))
"$FROSTLINE" inspect keras.safetensors >names
grep -q '^conv_dw_13_bn.running_var ' names && grep -q '^head.weight ' names && [ "$(grep -c '^conv' names)" = 135 ] ||
    fail "not Keras's names"
expect 0 '' 'a run takes them' frostline eval net.yaml --weights keras.safetensors data.validation.rows=4 data.validation.classes=3
to '' 'and back' keras.safetensors back.safetensors --names frostline
equal 'there and back' own.safetensors back.safetensors
to "135 tensors of mobilenet_v1, by Keras's names" 'names that they are' keras.safetensors same.safetensors --names keras
equal 'names that they are' keras.safetensors same.safetensors
cp keras.safetensors itself.safetensors
to '' 'onto itself' itself.safetensors itself.safetensors --names frostline
equal 'onto itself' itself.safetensors own.safetensors

ln -s back.safetensors link.safetensors
to '' 'onto what a link leads to' keras.safetensors link.safetensors
checks=$((checks + 1))
[ -L link.safetensors ] || fail 'a link is replaced'
equal 'where a link leads' keras.safetensors back.safetensors
cp own.safetensors from.safetensors.tmp
to '' 'what an interrupted write may have left' from.safetensors.tmp from.safetensors
equal 'what an interrupted write may have left' own.safetensors from.safetensors
equal 'and it is still there' own.safetensors from.safetensors.tmp

# A head is not the base's top because its layers are named alike; a top of other classes is one.
file() { # NAME HEADER BYTES: zeros
    local len=${#2} pad=$(((8 - ${#2} % 8) % 8))
    { printf "\\x$(printf %02x $(((len + pad) % 256)))\\x$(printf %02x $(((len + pad) / 256)))\0\0\0\0\0\0%s%*s" "$2" $pad '' && head -c "$3" /dev/zero; } >"$1"
}
sed -e 's/base: .*/base: vgg16/; /alpha/d; s/- global_avg_pool2d: {}/- flatten: {}/; s/- dense: {name: head/- dense: {name: fc1, units: 4}\n    - dense: {name: fc2, units: 4}\n    - dense: {name: predictions/' net.yaml >vgg.yaml
expect 0 '' 'a head named like the top' ranks 1 train vgg.yaml --run-dir vgg 'freeze={layers: [vgg16]}'
to "26 tensors of vgg16, by Keras's names; of other names, which stay: fc1.weight, fc1.bias, fc2.weight, fc2.bias, predictions.weight, predictions.bias" \
    'a head named like the top' vgg/checkpoints/latest/model.safetensors torch.safetensors --names torchvision
checks=$((checks + 1))
"$FROSTLINE" inspect torch.safetensors >names
grep -q '^features.28.weight ' names && grep -q '^fc1.bias ' names && ! grep -q '^classifier' names || fail 'the head is taken for the top'
to '' 'and back' torch.safetensors back.safetensors --names keras
equal 'VGG16, there and back' vgg/checkpoints/latest/model.safetensors back.safetensors
expect 0 '' 'a run takes it' frostline eval vgg.yaml --weights torch.safetensors data.validation.rows=4 data.validation.classes=3
rm -rf vgg torch.safetensors
expect 0 '' 'another number of classes' ranks 1 train net.yaml --run-dir top '~model.layers' model.include_top=true model.input=[224,224,3] data.train.classes=1000 data.train.rows=4
to '137 tensors of mobilenet_v1' 'the top too' top/checkpoints/latest/model.safetensors top.safetensors --names keras
checks=$((checks + 1))
"$FROSTLINE" inspect top.safetensors | grep -q '^conv_preds.weight ' || fail 'the top keeps its names'

# ---- number formats ----

size() { stat -c %s "$1"; }
for dtype in float16 bfloat16; do
    to '' "$dtype" own.safetensors $dtype.safetensors --dtype $dtype
    to '' "$dtype, widened" $dtype.safetensors wide.safetensors --dtype float32
    to '' "$dtype, again" wide.safetensors again.safetensors --dtype $dtype
    equal "$dtype is rounded once" $dtype.safetensors again.safetensors
    checks=$((checks + 1))
    [ "$(size $dtype.safetensors)" -lt $(($(size own.safetensors) * 6 / 10)) ] || fail "$dtype takes no less room"
    near own.safetensors wide.safetensors 0.01
    expect 0 '' "a run takes $dtype" frostline eval net.yaml --weights $dtype.safetensors data.validation.rows=4 data.validation.classes=3
done
printf '\70\0\0\0\0\0\0\0{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  \0\0\200\107\0\0\200\77' >large.safetensors # 65536, 1
to '1 number beyond the largest' 'too large' large.safetensors small.safetensors --dtype float16
checks=$((checks + 1))
[ "$(tail -c 4 small.safetensors | od -An -tx1 | tr -d ' ')" = ff7b003c ] || fail 'what float16 cannot hold is not its largest'

file f64 '{"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"x":{"dtype":"F64","shape":[2],"data_offsets":[8,24]}}' 8
printf '\234\165\0\210\74\344\67\176\0\0\0\0\0\0\360\177' >>f64 # 1e300, infinity
for dtype in float32:ffff7f7f0000807f float16:ff7b007c bfloat16:7f7f807f; do
    to '1 number beyond the largest' "1e300 as $dtype" f64 narrow.safetensors --dtype "${dtype%:*}"
    grep -q '1 tensor of whole numbers: as before' out || fail "$dtype: integers are passed over in silence"
    checks=$((checks + 2))
    wanted=${dtype#*:}
    [ "$(tail -c $((${#wanted} / 2)) narrow.safetensors | od -An -tx1 | tr -d ' ')" = "$wanted" ] || fail "$dtype: other bytes"
done
expect 3 'has no such tensor of F32' 'whole numbers alone' frostline convert f64 no.safetensors --dtype float16 --tensor i

# ---- one tensor, and npy ----

to '1 tensor' 'to npy' own.safetensors bias.npy --tensor head.bias
expect 0 'array ' 'what it holds' frostline inspect bias.npy
to '' 'from npy' bias.npy array.safetensors
checks=$((checks + 1))
cmp -s <(tail -c 12 bias.npy) <(tail -c 12 array.safetensors) || fail 'npy and safetensors hold different numbers'
to '1 tensor' 'one of many, renamed' own.safetensors one.safetensors --names keras --tensor "$("$FROSTLINE" inspect own.safetensors | awk 'NR == 1 { print $1 }')"

# ---- mistakes ----

wrong() { # CODE FRAGMENT argument…
    expect "$1" "$2" "wrong: ${*:3}" frostline convert "${@:3}"
}
wrong 2 'and another to write' own.safetensors
wrong 2 "did you mean '--names'" own.safetensors no.safetensors --name keras
wrong 2 "'--names' cannot be 'torch'" own.safetensors no.safetensors --names torch
wrong 2 'mobilenet_v1, which has no torchvision names' own.safetensors no.safetensors --names torchvision
wrong 3 'does not hold all tensors of a base' bias.npy no.safetensors --names keras
wrong 2 "'--dtype' cannot be 'half'" own.safetensors no.safetensors --dtype half
wrong 2 "did you mean 'head.bias'" own.safetensors no.safetensors --tensor head.bia
wrong 2 "'frostline convert' takes none" own.safetensors no.safetensors train.epochs=3
wrong 2 'cannot tell the format' own.safetensors no.h5
wrong 3 'npy holds one tensor' own.safetensors no.npy
wrong 3 'npy has no BF16' bfloat16.safetensors no.npy --tensor head.bias
wrong 3 'cannot open' nowhere.safetensors no.safetensors
wrong 5 'cannot create' own.safetensors nowhere/no.safetensors
checks=$((checks + 1))
! compgen -G 'no.*' >/dev/null || fail 'a mistake leaves a file'
finish
