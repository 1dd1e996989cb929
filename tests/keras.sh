#!/usr/bin/env bash
# Files of Keras become ours: `frostline convert FROM.h5 TO`. A net's weights are written as Keras 1, 2 and 3 do (keras_file,
# whose one argument this script takes) and come back as they were; what cannot be told is asked for.
write=$(realpath "${1:?usage: keras.sh KERAS_FILE}")
. "$(dirname "$0")/run.inc.sh"
[ -x "$(dirname "$FROSTLINE")/frostline-keras" ] || { echo 'skipped: this build cannot read HDF5; install libhdf5-dev' && exit 77; }

# ---- a net with a weight of every kind: 4 x 4 pixels of 6 channels become a list ----

cat >net.yaml <<'YAML'
model:
  input: [8, 8, 3]
  layers:
    - conv2d: {name: c1, filters: 6, kernel_size: [3, 2], padding: same}
    - batch_norm: {name: bn}
    - depthwise_conv2d: {name: dw, kernel_size: 3, padding: same}
    - max_pool2d: {}
    - flatten: {}
    - dense: {name: d1, units: 5, activation: relu}
    - dense: {name: out, units: 3, activation: softmax}
data: {format: synthetic, train: {rows: 16, classes: 3}}
train: {epochs: 1, batch_size: 4}
YAML
expect 0 '' 'a run' ranks 1 train net.yaml --run-dir run
cp -L run/checkpoints/latest/model.safetensors own.safetensors

list() { # conv1 weight names: KERNEL BIAS GAMMA BETA MEAN VARIANCE DEPTHWISE, each with %s for the layer, and the channels of d1
    local kernel=$1 bias=$2 gamma=$3 beta=$4 mean=$5 variance=$6 depthwise=$7 layer
    item() { printf "%s $2 %s %s\n" "$1" "$1" "$3" "$4"; }
    echo 'input_1 - - -'
    item c1 "$kernel" c1.weight conv
    item c1 "$bias" c1.bias vector
    item bn "$gamma" bn.weight vector
    item bn "$beta" bn.bias vector
    item bn "$mean" bn.running_mean vector
    item bn "$variance" bn.running_var vector
    item dw "$depthwise" dw.weight depthwise
    item dw "$bias" dw.bias vector
    echo 'flatten - - -'
    for layer in d1:dense:6 out:dense; do
        item "${layer%%:*}" "$kernel" "${layer%%:*}.weight" "${layer#*:}"
        item "${layer%%:*}" "$bias" "${layer%%:*}.bias" vector
    done
}
list %s_W_1:0 %s_b_1:0 %s_gamma_1:0 %s_beta_1:0 %s_running_mean_1:0 %s_running_std_1:0 %s/depthwise_kernel:0 >keras1
list %s_2/kernel:0 %s_2/bias:0 %s_2/gamma:0 %s_2/beta:0 %s_2/moving_mean:0 %s_2/moving_variance:0 %s_2/depthwise_kernel:0 >keras2
list sequential/%s/kernel sequential/%s/bias sequential/%s/gamma sequential/%s/beta sequential/%s/moving_mean \
    sequential/%s/moving_variance sequential/%s/kernel >keras3
sed -E '/ - /d; /^(c1|bn|dw)/ { s|^[^ ]+|base|; s|_2/|/| }' keras2 >nested # a net within the net
layer() { printf '{"class_name": "%s", "config": {"name": "%s"%s}}' "$1" "$2" "${3-}"; }
config() { # CLASS of dw, more of c1
    echo "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": [$(layer InputLayer input_1 ', "batch_shape": [null, 8, 8, 3]'),
        $(layer Conv2D c1 "${2-}"), $(layer BatchNormalization bn), $(layer "$1" dw), $(layer Flatten flatten), $(layer Dense d1), $(layer Dense out)]}}"
}
config DepthwiseConv2D >net.json

to() { # FRAGMENT WHAT IN OUT option…
    expect 0 "$1" "$2" frostline convert "${@:3}"
}
for style in keras1 keras2 nested; do
    "$write" own.safetensors $style.h5 <$style || fail "keras_file: $style"
    to 'd1: its 96 features are taken as 16 pixels of 6 channels' "$style" $style.h5 $style.safetensors
    same own.safetensors $style.safetensors
done
"$write" own.safetensors keras3.h5 --variable --whole net.json <keras3 || fail 'keras_file: keras3'
to 'd1: its 96 features' 'a whole net of Keras 3' keras3.h5 keras3.safetensors
same own.safetensors keras3.safetensors
to '' 'as number format' keras3.h5 half.safetensors --dtype float16
near own.safetensors half.safetensors 0.01
to '1 tensor' 'one of them' keras3.h5 bias.npy --tensor d1.bias
expect 0 '' 'a run takes them' frostline eval net.yaml --weights keras3.safetensors data.validation.rows=4 data.validation.classes=3

# A base by Keras's names, whose kernels count for depthwise ones by their class alone.
cat >base.yaml <<'YAML'
model: {base: mobilenet_v1, alpha: 0.25, include_top: false, input: [32, 32, 3], layers: [global_avg_pool2d, dense: {name: head, units: 3, activation: softmax}]}
data: {format: synthetic, train: {rows: 8, classes: 3}}
train: {epochs: 1, batch_size: 4}
YAML
expect 0 '' 'a run of a base' ranks 1 train base.yaml --run-dir base
cp -L base/checkpoints/latest/model.safetensors base.safetensors
to '' "by Keras's names" base.safetensors named.safetensors --names keras
"$FROSTLINE" inspect named.safetensors | awk '/^#/ { exit } { n = split($1, at, "."); layer = $1; sub("\\." at[n] "$", "", layer)
    ours = at[n]; name = "bias"; kind = "vector"
    if (layer ~ /_bn$/) name = ours == "weight" ? "gamma" : ours == "bias" ? "beta" : ours == "running_mean" ? "moving_mean" : "moving_variance"
    else if (ours == "weight") { kind = layer ~ /dw/ ? "depthwise" : layer == "head" ? "dense" : "conv"; name = kind == "depthwise" ? "depthwise_kernel" : "kernel" }
    print layer, layer "/" name ":0", $1, kind }' >list
"$write" named.safetensors base.h5 <list || fail 'keras_file: base'
to '135 tensors of mobilenet_v1' 'a base, by our names' base.h5 back.safetensors --names frostline
same base.safetensors back.safetensors

# ---- what the file does not say ----

value() { # FILE TENSOR BYTES: its numbers, one a line
    "$FROSTLINE" convert "$1" "$1.npy" --tensor "$2" >out 2>&1 && tail -c "$3" "$1.npy" | od -An -v -tf4 -w4
}
sed -i 's|kernel_size: \[3, 2\]|kernel_size: 1|' net.yaml
expect 0 '' 'a 1x1 convolution' ranks 1 train net.yaml --run-dir one
cp -L one/checkpoints/latest/model.safetensors one.safetensors
"$write" one.safetensors one.h5 <keras2 || fail 'keras_file: one'
to '' 'blue first' one.h5 bgr.safetensors --bgr
checks=$((checks + 2))
cmp -s <(value one.safetensors c1.weight 72 | paste - - - | awk '{ print $3, $2, $1 }') <(value bgr.safetensors c1.weight 72 | paste -d' ' - - - | awk '{ print $1, $2, $3 }') ||
    fail '--bgr does not turn the channels round'
cmp -s <(value one.safetensors dw.weight 216) <(value bgr.safetensors dw.weight 216) || fail '--bgr turns more than the first convolution'

to 'd1: its 96 features are taken as 32 pixels of 3 channels' 'told otherwise' keras2.h5 flat.safetensors --flatten d1=3
to '' 'no image' keras2.h5 flat.safetensors --flatten d1=1,out=1
checks=$((checks + 1))
! grep -q 'features' out || fail 'a list that is no image is called one'
sed '/^dw/d; s/dense:6/dense/' keras2 | grep -E '^(d1|out)' >mlp
"$write" own.safetensors mlp.h5 <mlp || fail 'keras_file: mlp'
to 'if its 96 features are an image in colour as a list, say --flatten d1=3' 'dense layers alone' mlp.h5 mlp.safetensors
config DepthwiseConv2D ', "data_format": "channels_first"' >first.json
sed 's/dense:6/dense/' keras3 >list
"$write" own.safetensors first.h5 --variable --whole first.json <list || fail 'keras_file: first'
to '' 'channels first' first.h5 first.safetensors
same own.safetensors first.safetensors

sed '/gamma/d; /beta/d' keras2 >list
"$write" own.safetensors bare.h5 <list || fail 'keras_file: bare'
to 'bn has no weight (scale=False): written as 1' 'a batch norm without gamma and beta' bare.h5 bare.safetensors
checks=$((checks + 1))
[ "$(value bare.safetensors bn.weight 24 | sort -u | xargs) $(value bare.safetensors bn.bias 24 | sort -u | xargs)" = '1 0' ] || fail 'gamma is not 1, or beta not 0'

# ---- mistakes ----

wrong() { # CODE FRAGMENT argument…
    expect "$1" "$2" "wrong: ${*:3}" frostline convert "${@:3}"
}
wrong 2 'is not LAYER=CHANNELS' keras2.h5 no.safetensors --flatten d1
wrong 2 'is not LAYER=CHANNELS' keras2.h5 no.safetensors --flatten d1=0
wrong 2 'is not LAYER=CHANNELS' keras2.h5 no.safetensors --flatten d1=6,
wrong 2 "did you mean 'out'" keras2.h5 no.safetensors --flatten d1=6,ou=1
wrong 3 'd1 takes 96 features, which are no image of 7 channels' keras2.h5 no.safetensors --flatten d1=7
wrong 2 "'--bgr' is for HDF5 files" own.safetensors no.safetensors --bgr
wrong 2 "'--flatten' is for HDF5 files" own.safetensors no.safetensors --flatten d1=6
wrong 3 "'--bgr': there is no convolution" mlp.h5 no.safetensors --bgr
wrong 2 'cannot tell the format' keras2.h5 no.h5
wrong 5 'cannot write' keras2.h5 nowhere/no.safetensors
wrong 2 "no tensor 'd1.bia'" keras2.h5 no.safetensors --tensor d1.bia
checks=$((checks + 1))
grep -q "'keras2.h5' has no tensor" out || fail 'a message names a file that nobody knows'

bad() { # FRAGMENT WHAT [option of keras_file…] < LIST
    "$write" own.safetensors bad.h5 "${@:3}" || fail "keras_file: $2"
    expect 3 "$1" "$2" frostline convert bad.h5 no.safetensors
}
bad 'lstm/lstm/recurrent_kernel:0: not a weight of' 'another layer' < <(cat keras2 && echo 'lstm lstm/recurrent_kernel:0 out.weight dense')
bad 'd9 takes 96 features, and whether' 'a second head' < <(cat keras2 && echo 'd9 d9/kernel:0 d1.weight dense:6')
bad 'c1.weight is there twice' 'names twice' < <(cat keras2 && echo 'more c1/kernel:0 c1.weight conv' && echo 'more c2/bias:0 c1.bias vector')
config Conv2DTranspose >bad.json
bad "there is no layer like Keras's Conv2DTranspose" 'another class' --variable --whole bad.json <keras3
echo '{' >bad.json
bad "attribute 'model_config', line" 'damaged JSON' --whole bad.json <keras3
bad 'written with Theano' 'kernels turned round' --backend theano <keras2
bad 'no layer has weights' 'nothing in it' <<<'flatten - - -'
head -c 4000 keras2.h5 >cut.h5
wrong 3 'cut.h5: not HDF5, or cut short' cut.h5 no.safetensors
for at in 900 2500 5000 9000; do # somewhere in the middle: refused or, where it is a number, taken
    cp keras2.h5 noise.h5
    printf '\367%.0s' {1..400} | dd of=noise.h5 bs=1 seek=$at conv=notrunc status=none
    checks=$((checks + 1))
    timeout 60 "$FROSTLINE" convert noise.h5 noise.safetensors >out 2>&1
    case $? in 0 | 3) ;; *) fail "noise at byte $at" ;; esac
done
expect 3 '`frostline convert` makes safetensors of it' 'straight into a run' ranks 1 train net.yaml --run-dir no model.weights=keras2.h5
cp "$FROSTLINE" alone
expect 2 'install libhdf5-dev' 'a build without HDF5' ./alone convert keras2.h5 no.safetensors
checks=$((checks + 1))
! compgen -G 'no.*' >/dev/null || fail 'a mistake leaves a file'
finish
