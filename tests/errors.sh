#!/usr/bin/env bash
# Whatever a user gets wrong: the documented exit code, and a message that names the place and the remedy. No crash, no hang.
. "$(dirname "$0")/run.inc.sh"

cat >good.yaml <<'YAML'
schema_version: 1
name: errors
model:
  input: [8, 8, 1]
  layers:
    - conv2d: {name: c1, filters: 4, kernel_size: 3, activation: relu}
    - flatten: {name: flat}
    - dense: {name: d1, units: 3, activation: softmax}
freeze: {layers: [c1]}
data: {format: synthetic, train: {rows: 40, classes: 3}, validation: {rows: 12, classes: 3}}
train: {epochs: 1, batch_size: 10, loss: categorical_crossentropy}
optimizer: {type: adam, learning_rate: 0.001}
YAML
expect 0 valid 'the good config' frostline validate good.yaml

# bad FRAGMENT SED…: the good config edited by sed is refused, and the message points into the file
bad() {
    local fragment=$1
    shift
    sed -E "$@" good.yaml >bad.yaml
    cmp -s good.yaml bad.yaml && fail "no edit: $*"
    expect 2 "$fragment" "config: $*" frostline validate bad.yaml
    grep -qE '^bad.yaml(:[0-9]+:[0-9]+)?: error: ' out || fail "config: $*: no place"
}
bad "did you mean 'freeze'?" 's/^freeze/freez/'
bad "did you mean 'model'?" 's/^model/modle/'
bad "did you mean 'epochs'?" 's/epochs/epoch/'
bad "did you mean 'batch_size'?" 's/batch_size/batchsize/'
bad "did you mean 'learning_rate'?" 's/learning_rate/learnig_rate/'
bad "did you mean 'units'?" 's/units/unit/'
bad "did you mean 'layers'?" 's/freeze: \{layers/freeze: {layer/'
bad "did you mean 'dense'?" 's/- dense/- denze/'
bad "did you mean 'conv2d'?" 's/- conv2d/- conv2/'
bad "did you mean 'adam'?" 's/type: adam/type: adamm/'
bad "did you mean 'synthetic'?" 's/synthetic/syntetic/'
bad "did you mean 'categorical_crossentropy'?" 's/categorical_crossentropy/categorical_crosentropy/'
bad "did you mean 'softmax'?" 's/softmax/softmx/'
bad "did you mean 'c1'?" 's/\[c1\]/[c2]/'
bad 'expected' 's/epochs: 1/epochs: many/'
bad 'expected' 's/epochs: 1/epochs: 1.5/'
bad 'expected' 's/epochs: 1/epochs: 0/'
bad 'expected' 's/epochs: 1/epochs: -3/'
bad 'expected' 's/epochs: 1/epochs: [1]/'
bad 'expected' 's/batch_size: 10/batch_size: 0/'
bad 'expected' 's/batch_size: 10/batch_size: 1e3/'
bad 'expected' 's/learning_rate: 0.001/learning_rate: fast/'
bad 'expected' 's/learning_rate: 0.001/learning_rate: -1/'
bad 'expected' 's/learning_rate: 0.001/learning_rate: .inf/'
bad 'expected' 's/filters: 4/filters: 0/'
bad 'expected' 's/filters: 4/filters: "4"/'
bad 'expected' 's/kernel_size: 3/kernel_size: [3, 3, 3]/'
bad 'missing' 's/filters: 4, //'
bad 'missing' 's/units: 3, //'
bad "needs 'input'" 's/  input: .*/  weights: null/'
bad 'schema_version' 's/schema_version: 1/schema_version: 2/'
bad 'name' 's/name: errors/name: a\/b/'
bad 'duplicate' 's/^name: errors/name: a\nname: b/'
bad 'duplicate' 's/epochs: 1/epochs: 1, epochs: 2/'
bad "layer 'c1'" 's/kernel_size: 3/kernel_size: 9/'
bad 'c1' 's/name: d1/name: c1/'
bad 'nothing' 's/layers: \[c1\]/layers: ["*"]/'
bad 'unknown layer' 's/layers: \[c1\]/until: nowhere/'
bad 'train_last_n' 's/layers: \[c1\]/train_last_n: 9/'
bad 'epoch' 's/layers: \[c1\]/layers: [c1], schedule: [{epoch: 1, unfreeze: [c1]}]/'
bad 'unfreeze' 's/layers: \[c1\]/layers: [c1], schedule: [{epoch: 2}]/'
bad 'd1' 's/layers: \[c1\]/layers: [c1], schedule: [{epoch: 2, unfreeze: [d1]}]/'
bad 'softmax' 's/softmax/sigmoid/'
bad 'flatten' 's/    - flatten.*//'
bad 'but the loss wants (classes)' 's/    - (flatten|dense).*//'
bad 'anchor' 's/name: errors/name: \&a errors/'
bad 'alias' 's/name: errors/name: *a/'
bad 'tag' 's/name: errors/name: !!str errors/'
bad 'true or false' 's/validation: /shuffle: yes, validation: /'
bad 'rows' 's/rows: 40/rows: 0/'
bad "unknown key 'color'" 's/rows: 40/color: red, rows: 40/'
bad 'inputs' 's/name: d1/name: d1, inputs: []/'
bad 'flatt' 's/name: d1/name: d1, inputs: [flatt]/'
bad 'scheduler' 's/^optimizer.*/lr_scheduler: {type: cosin}/'
bad 'rules' 's/type: adam,/type: adam, rules: {},/'
bad 'unknown layer' 's/type: adam,/type: adam, rules: [{layers: [zz]}],/'
bad 'reducer' 's/^optimizer.*/distributed: {reducer: ring}/'
bad 'bucket_mb' 's/^optimizer.*/distributed: {bucket_mb: 0}/'
bad 'allreduce_dtype' 's/^optimizer.*/distributed: {allreduce_dtype: int8}/'
bad 'keep_last' 's/^optimizer.*/checkpoint: {keep_last: 0}/'
bad 'monitor' 's/^optimizer.*/checkpoint: {keep_best: val_acuracy}/'
bad "'data.validation' is absent" 's/, validation: .*/}/; s/epochs: 1/early_stopping: {}/'
bad 'base' 's/  input: .*/  base: vgg17/'
bad 'classes' 's/validation: /classes: [0, 0], validation: /'
bad 'classes' 's/validation: /classes: [0, 7], validation: /'
bad 'split' 's/validation: .*\}\}/validation: {split: 1.5}}/'
bad 'image_size' 's/validation: /image_size: [9, 9], validation: /'
bad 'augment' 's/validation: /augment: {flip: true}, validation: /'
bad 'UTF-8' "s/errors/\xff/"
bad '' 's/^train: \{/train: {{/'
bad '' 's/^(.*input)/\t\1/'

# Two errors at once are both told.
sed 's/epochs: 1/epochs: x/; s/units: 3/units: y/' good.yaml >bad.yaml
expect 2 'bad.yaml:8' 'two errors' frostline validate bad.yaml
grep -q 'bad.yaml:11' out || fail 'two errors: the second is missing'

# The command line.
expect 2 "did you mean 'train'?" 'a misspelt command' frostline trian good.yaml
expect 2 "did you mean '--run-dir'?" 'a misspelt option' frostline train good.yaml --rundir=x
expect 2 'needs a value' 'an option without its value' frostline train good.yaml --run-dir
expect 2 'needs a CONFIG' 'no config' frostline train
expect 2 'nowhere.yaml' 'no such config' frostline train nowhere.yaml
expect 2 "did you mean 'epochs'?" 'a misspelt override' frostline train good.yaml train.epoch=2
expect 2 'train.epochs=x' 'a bad override' frostline train good.yaml train.epochs=x
expect 2 'not be' 'a bad choice' frostline train good.yaml --progress=loud
expect 2 'unexpected' 'a stray word' frostline train good.yaml epochs
expect 2 'which weights' 'eval without weights' frostline eval good.yaml
expect 2 'FROSTLINE_ISA' 'unknown kernels' env FROSTLINE_ISA=sse9 "$FROSTLINE" info
expect 2 'np' 'a bad rank count' frostline plan good.yaml --np 0

# Weight files.
expect 0 '' 'a run' frostline train good.yaml --run-dir run
whole=run/checkpoints/latest/model.safetensors
expect 0 '' 'its weights' frostline eval good.yaml --weights $whole
expect 3 'No such file' 'no weight file' frostline eval good.yaml --weights nowhere.safetensors
size=$(stat -c %s $whole)
for n in 0 1 7 8 9 20 100 200 300 $((size / 2)) $((size - 4)) $((size - 1)); do
    head -c "$n" $whole >cut.safetensors
    expect 3 'cut.safetensors' "weights cut to $n bytes" frostline eval good.yaml --weights cut.safetensors
done
cat $whole <(printf 'x') >long.safetensors
expect 3 'long.safetensors' 'a byte left over' frostline inspect long.safetensors
expect 3 'd1.weight' 'weights of another net' frostline eval good.yaml --weights $whole model.layers.2.dense.units=4 \
    data.train.classes=4 data.validation.classes=4
sed 's/name: c1/name: conv_1/; s/\[c1\]/[conv_1]/' good.yaml >renamed.yaml
expect 3 'conv_1.weight' 'weights with other names' frostline eval renamed.yaml --weights $whole
expect 3 '' 'weights that are text' frostline inspect good.yaml
expect 2 "'frostline inspect' takes none" 'nothing to override' frostline inspect good.yaml train.epochs=2
expect 2 "'frostline cp' takes none" 'nothing to override in a copy' frostline cp 01_mlp_sequential.yaml here.yaml train.epochs=2

# Data.
mkdir -p images/a images/b
expect 3 'none' 'no such idx file' frostline train good.yaml data.format=idx 'data.train={images: none, labels: none}' '~data.validation'
expect 3 'images' 'class folders without images' frostline train good.yaml data.format=image_folder data.train=images '~data.validation'
printf '\x89PNG\r\n\x1a\n broken' >images/a/one.png
printf '\xff\xd8\xff broken' >images/b/two.jpg
expect 3 'one.png' 'a damaged image' frostline train good.yaml data.format=image_folder data.train=images '~data.validation' \
    model.layers.2.dense.units=2 train.batch_size=2 data.shuffle=false
expect 3 'images/' 'a damaged image on one of two ranks' ranks 2 train good.yaml data.format=image_folder data.train=images \
    '~data.validation' model.layers.2.dense.units=2 train.batch_size=2
expect 2 'classes' 'more classes than outputs' frostline train good.yaml model.layers.2.dense.units=2

# Disk.
expect 5 '' 'a folder that cannot be made' frostline train good.yaml --run-dir /dev/null/run
expect 5 '' 'output that cannot be written' bash -c "'$FROSTLINE' plan good.yaml >/dev/full"

# A loss that is no number, and what stands before it.
sed 's/units: 3/units: 5}\n    - dense: {name: d2, units: 5}\n    - dense: {name: d3, units: 3/' good.yaml >deep.yaml
expect 4 'learning_rate' 'a loss that is no number' frostline train deep.yaml optimizer.type=sgd optimizer.learning_rate=1e6 \
    train.epochs=9 --run-dir burst
grep -q failed burst/status.json || fail 'a loss that is no number: status.json does not say so'

# NaN in what is only evaluated: told, and no end of the training.
tensors() { # FILE HEADER, then the numbers' bytes from stdin
    local pad=$(((8 - ${#2} % 8) % 8)) len
    len=$((${#2} + pad))
    { printf "\\x$(printf %02x $((len % 256)))\\x$(printf %02x $((len / 256)))\0\0\0\0\0\0%s%*s" "$2" $pad '' && cat; } >"$1"
}
sed -E 's/input: .*/input: [2]/; /conv2d|flatten|^freeze/d; s/^data: .*/data: {format: arrays, train: x.safetensors, validation: nan.safetensors}/' good.yaml >vectors.yaml
header='{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"y":{"dtype":"I64","shape":[3],"data_offsets":[24,48]}}'
zeros() { head -c "$1" /dev/zero; }
{ zeros 32 && printf '\1' && zeros 7 && printf '\2' && zeros 7; } | tensors x.safetensors "$header"
{ printf '\0\0\300\177' && zeros 44; } | tensors nan.safetensors "$header"
expect 0 'epoch 1: the validation loss is not finite' 'NaN in the validation set' frostline train vectors.yaml --run-dir nan
expect 4 'look for NaN' 'NaN in what is evaluated' frostline eval vectors.yaml --run-dir nan --checkpoint latest

# What would be lost.
weights=nan/checkpoints/latest/model.safetensors
expect 0 '' 'logits' frostline predict vectors.yaml --weights $weights --data x.safetensors --output y.safetensors
expect 2 "which is read" 'output over the data' frostline predict vectors.yaml --weights $weights --data x.safetensors --output ./x.safetensors
ln -s $weights link.safetensors
expect 2 "which is read" 'output over the weights' frostline predict vectors.yaml --weights $weights --data x.safetensors --output link.safetensors
expect 2 'written as .png' 'an image over a config' frostline sample good.yaml --row 1 --output good.yaml
expect 0 valid 'it is still there' frostline validate good.yaml
"$FROSTLINE" train good.yaml train.epochs=1000000 --progress none --run-dir twice >/dev/null 2>&1 &
first=$!
for _ in $(seq 300); do [ -s twice/.lock ] && [ -f twice/status.json ] && break || sleep 0.05; done
expect 2 "'twice' is in use by process $first on" 'two runs in a folder' frostline train good.yaml --run-dir twice
kill -TERM $first
wait $first
code=$? checks=$((checks + 1))
[ $code -eq 75 ] || fail "the run that had the folder is disturbed: exit code $code"
expect 0 'continuing' 'its lock goes with it' frostline train good.yaml train.epochs=2 --run-dir twice
rm run/status.json
expect 0 'continuing' 'checkpoints without a status' frostline train good.yaml train.epochs=2 --run-dir run
expect 5 'File too large' 'a file that may not grow' bash -c "ulimit -f 1; '$FROSTLINE' train good.yaml model.layers.2.dense.units=200 --run-dir limit"

# What would be noticed late.
expect 2 'a net without a base has no torchvision names' 'names of another' frostline validate good.yaml checkpoint.names=torchvision
expect 3 'nowhere.safetensors' 'weights that are not there' frostline validate good.yaml model.weights=nowhere.safetensors
expect 3 'does not fit the net' 'weights of another net' frostline validate good.yaml model.weights=$weights
expect 3 'nowhere.safetensors' 'weights that are not there, dry' frostline train good.yaml --dry-run model.weights=nowhere.safetensors
expect 0 'stopped early: for 1 epoch' 'why it ends' frostline train good.yaml train.epochs=9 \
    'train.early_stopping={monitor: loss, patience: 1, min_delta: 10}' --run-dir early
expect 0 'train.max_steps: 2 steps' 'why it ends' frostline train good.yaml train.max_steps=2 --run-dir steps
expect 2 '2 or more' 'sizes that do not grow' frostline bench allreduce --factor 1
expect 2 "larger than '--max'" 'sizes the wrong way round' frostline bench allreduce --min 64K --max 4K

# Ranks that disagree.
sed 's/batch_size: 10/batch_size: 20/' good.yaml >other.yaml
expect 6 'batch_size' 'two configs' mpirun -q -np 1 "$FROSTLINE" train good.yaml : -np 1 "$FROSTLINE" train other.yaml
expect 6 'kernels' 'two instruction sets' mpirun -q -np 1 -x FROSTLINE_ISA=reference "$FROSTLINE" train good.yaml : \
    -np 1 -x FROSTLINE_ISA=baseline "$FROSTLINE" train good.yaml
expect 6 'command' 'two commands' mpirun -q -np 1 "$FROSTLINE" train good.yaml : -np 1 "$FROSTLINE" eval good.yaml
expect 2 'epochs' 'a typo on one rank' mpirun -q -np 2 "$FROSTLINE" train good.yaml : -np 1 "$FROSTLINE" train good.yaml train.epochs=x
cp $whole a.safetensors
frostline_seed() { "$FROSTLINE" train good.yaml seed=7 --run-dir seven >/dev/null 2>&1; }
frostline_seed
mkdir -p one two && cp $whole one/w.safetensors && cp seven/checkpoints/latest/model.safetensors two/w.safetensors
expect 6 'weights file' 'two weight files' mpirun -q -np 1 -wdir "$PWD/one" "$FROSTLINE" train ../good.yaml model.weights=w.safetensors --run-dir ../w : \
    -np 1 -wdir "$PWD/two" "$FROSTLINE" train ../good.yaml model.weights=w.safetensors --run-dir ../w
finish
