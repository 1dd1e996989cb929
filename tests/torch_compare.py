"""Trains the same nets in Frostline and in PyTorch and compares every tensor.

Each case is a net, a freeze set and an optimizer. Both sides start from the same file, see the same rows in
the same order, and make ten steps, the last with fewer rows. PyTorch computes in float64, so what differs is
Frostline's rounding. A trained tensor, and a running statistic, may differ by 1e-3 of how far it moved; a
frozen one not by a bit. Frostline runs on 1, 2 and 3 ranks.

    FROSTLINE=build/frostline python3 tests/torch_compare.py [CASE…]     needs torch and nothing else
"""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile
from fnmatch import fnmatch

import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS, BATCH, LAST = 10, 13, 7  # neither 2 nor 3 divides a batch
ROWS = (STEPS - 1) * BATCH + LAST
TOLERANCE = 1e-3

# ---- the nets, each told once: (name, type, options), inputs defaulting to the layer above ----

NETS = {
    "sequential": {
        "input": [7, 6, 2],
        "layers": [
            ("c1", "conv2d", {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "relu"}),
            ("p1", "max_pool2d", {"pool_size": 2}),
            ("c2", "conv2d", {"filters": 8, "kernel_size": [2, 3], "activation": "tanh"}),
            ("flat", "flatten", {}),
            ("d1", "dense", {"units": 16, "activation": "gelu"}),
            ("d2", "dense", {"units": 5, "activation": "softmax"}),
        ],
    },
    "functional": {
        "input": [9],
        "loss": "mse",
        "outputs": 3,
        "layers": [
            ("left", "dense", {"units": 12, "activation": "silu"}),
            ("right", "dense", {"units": 7, "activation": "leaky_relu", "inputs": ["input"]}),
            ("deep", "dense", {"units": 6, "activation": "sigmoid"}),
            ("both", "concat", {"inputs": ["left", "deep", "right"]}),
            ("out", "dense", {"units": 3}),
        ],
    },
    "residual": {
        "input": [6, 6, 3],
        "layers": [
            ("stem", "conv2d", {"filters": 8, "kernel_size": 3, "padding": "same", "activation": "relu"}),
            ("c1", "conv2d", {"filters": 8, "kernel_size": 3, "padding": "same", "activation": "relu"}),
            ("c2", "conv2d", {"filters": 8, "kernel_size": 3, "padding": "same"}),
            ("sum1", "add", {"inputs": ["stem", "c2"]}),
            ("relu1", "activation", {"activation": "relu"}),
            ("c3", "conv2d", {"filters": 10, "kernel_size": 3, "strides": 2, "padding": [1, 1, 1, 1]}),
            ("short", "conv2d", {"filters": 10, "kernel_size": 1, "strides": 2, "inputs": ["relu1"]}),
            ("sum2", "add", {"inputs": ["c3", "short"]}),
            ("pool", "global_avg_pool2d", {}),
            ("out", "dense", {"units": 4, "activation": "softmax"}),
        ],
    },
    "depthwise": {
        "input": [8, 8, 3],
        "loss": "binary_crossentropy",
        "outputs": 2,
        "layers": [
            ("c1", "conv2d", {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "relu6"}),
            ("dw", "depthwise_conv2d", {"kernel_size": 3, "padding": "same", "depth_multiplier": 2, "activation": "relu"}),
            ("pw", "conv2d", {"filters": 8, "kernel_size": 1, "activation": "tanh"}),
            ("dw2", "depthwise_conv2d", {"kernel_size": 3, "strides": 2, "padding": [1, 1, 1, 1]}),
            ("avg", "avg_pool2d", {"pool_size": 2}),
            ("flat", "flatten", {}),
            ("out", "dense", {"units": 2, "activation": "sigmoid"}),
        ],
    },
    "batch_norm": {
        "input": [6, 6, 2],
        "layers": [
            ("c1", "conv2d", {"filters": 6, "kernel_size": 3, "padding": "same", "use_bias": False}),
            ("bn1", "batch_norm", {}),
            ("r1", "activation", {"activation": "relu"}),
            ("c2", "conv2d", {"filters": 6, "kernel_size": 3, "use_bias": False}),
            ("bn2", "batch_norm", {"momentum": 0.9, "epsilon": 1e-2}),
            ("r2", "activation", {"activation": "tanh"}),
            ("flat", "flatten", {}),
            ("d1", "dense", {"units": 8, "use_bias": False}),
            ("bn3", "batch_norm", {}),
            ("out", "dense", {"units": 3, "activation": "softmax"}),
        ],
    },
}

SGD = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001}
PLAIN = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.8}
ADAM = {"type": "adam", "learning_rate": 0.01, "weight_decay": 0.002}
ADAMW = {"type": "adamw", "learning_rate": 0.01, "weight_decay": 0.02}

# (net, freeze globs, optimizer, what else the config's train section says)
CASES = [
    ("sequential", [], ADAM, {}),
    ("sequential", ["c*"], SGD, {"clip_grad_norm": 0.05}),
    ("sequential", ["c2", "d1"], ADAMW, {"gradient_accumulation_steps": 3}),
    ("functional", [], SGD, {}),
    ("functional", ["left"], ADAM, {"gradient_accumulation_steps": 2}),
    ("functional", ["right", "deep"], PLAIN, {}),
    ("residual", [], PLAIN, {}),
    ("residual", ["stem", "c1"], ADAMW, {}),
    ("residual", ["c2", "c3"], SGD, {"clip_grad_norm": 0.1}),
    ("depthwise", [], ADAMW, {}),
    ("depthwise", ["dw"], SGD, {}),
    ("depthwise", ["c1", "dw", "pw", "dw2"], ADAM, {}),
    ("batch_norm", [], SGD, {}),
    ("batch_norm", ["c1", "bn1"], ADAM, {}),
    ("batch_norm", ["bn2", "c2"], ADAMW, {}),
    ("batch_norm", ["bn1", "d1"], PLAIN, {}),
]

ACTIVATIONS = {
    "relu": F.relu, "relu6": F.relu6, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "gelu": F.gelu, "silu": F.silu,
}  # fmt: skip


def pair(v):
    return list(v) if isinstance(v, (list, tuple)) else [v, v]


# ---- PyTorch's side ----


class Net(nn.Module):
    """A net of the table above. Rows come channels-last, as Frostline's do; logits come out."""

    def __init__(self, spec):
        super().__init__()
        self.layers, shape, above = [], {}, "input"
        size = spec["input"]
        shape["input"] = [size[2], size[0], size[1]] if len(size) == 3 else size
        last = spec["layers"][-1][0]
        for name, kind, options in spec["layers"]:
            inputs = options.get("inputs", [above])
            module = self.make(kind, options, [shape[i] for i in inputs])
            if module is not None:
                self.add_module(name, module)
            final = name == last and options.get("activation") in ("softmax", "sigmoid")
            self.layers.append((name, kind, options, inputs, None if final else options.get("activation")))
            probe = {i: torch.zeros(2, *shape[i]) for i in inputs}
            shape[name] = list(self.one(self.layers[-1], probe).shape[1:])
            above = name

    @staticmethod
    def make(kind, o, shapes):
        c = shapes[0][0]
        if kind == "dense":
            return nn.Linear(c, o["units"], bias=o.get("use_bias", True))
        if kind == "batch_norm":
            norm = nn.BatchNorm2d if len(shapes[0]) == 3 else nn.BatchNorm1d
            return norm(c, eps=o.get("epsilon", 1e-3), momentum=1 - o.get("momentum", 0.99))
        if kind not in ("conv2d", "depthwise_conv2d"):
            return None
        padding = o.get("padding", "valid")
        if isinstance(padding, list):
            padding = (padding[0], padding[2])
        out = o["filters"] if kind == "conv2d" else c * o.get("depth_multiplier", 1)
        return nn.Conv2d(
            c, out, pair(o["kernel_size"]), stride=pair(o.get("strides", 1)), padding=padding,
            groups=1 if kind == "conv2d" else c, bias=o.get("use_bias", True),
        )  # fmt: skip

    def one(self, layer, values):
        name, kind, o, inputs, activation = layer
        x = [values[i] for i in inputs]
        module = getattr(self, name, None)
        if module is not None:
            y = module(x[0])
        elif kind == "max_pool2d":
            y = F.max_pool2d(x[0], o["pool_size"])
        elif kind == "avg_pool2d":
            y = F.avg_pool2d(x[0], o["pool_size"])
        elif kind == "global_avg_pool2d":
            y = x[0].mean((2, 3))
        elif kind == "flatten":
            y = x[0].flatten(1)
        elif kind == "add":
            y = sum(x)
        elif kind == "concat":
            y = torch.cat(x, 1)
        else:
            y = x[0]
        return ACTIVATIONS[activation](y) if activation else y

    def forward(self, x):
        values = {"input": x.permute(0, 3, 1, 2) if x.dim() == 4 else x}
        for layer in self.layers:
            values[layer[0]] = self.one(layer, values)
        return values[self.layers[-1][0]]


def tensors(net):
    return {n: t for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")}


def loss_of(kind, logits, y):
    if kind == "mse":
        return F.mse_loss(logits, y)
    if kind == "binary_crossentropy":
        return F.binary_cross_entropy_with_logits(logits, y)
    return F.cross_entropy(logits, y)


def optimizer_of(o, parameters):
    common = {"lr": o["learning_rate"], "weight_decay": o.get("weight_decay", 0.0)}
    if o["type"] == "sgd":
        return torch.optim.SGD(parameters, momentum=o["momentum"], nesterov=o.get("nesterov", False), **common)
    kind = torch.optim.Adam if o["type"] == "adam" else torch.optim.AdamW
    return kind(parameters, eps=1e-7, **common)


def train_torch(net, spec, frozen, optimizer, extra, x, y):
    net.double().train()
    for name, *_ in spec["layers"]:
        module = getattr(net, name, None)
        if module is not None and any(fnmatch(name, f) for f in frozen):
            module.eval().requires_grad_(False)
    parameters = [p for p in net.parameters() if p.requires_grad]
    step = optimizer_of(optimizer, parameters)
    scheduled = torch.optim.lr_scheduler.LambdaLR(step, lambda t: 0.5 * (1 + math.cos(math.pi * t / STEPS)))
    for lo in range(0, ROWS, BATCH):
        step.zero_grad()
        loss_of(spec.get("loss"), net(x[lo : lo + BATCH].double()), y[lo : lo + BATCH]).backward()
        if "clip_grad_norm" in extra:
            nn.utils.clip_grad_norm_(parameters, extra["clip_grad_norm"])
        step.step()
        scheduled.step()
    return tensors(net)


# ---- Frostline's side ----

DTYPES = {torch.float32: "F32", torch.int64: "I64"}


def write_safetensors(path, named):
    header, blobs, at = {}, [], 0
    for name, t in named.items():
        blob = t.contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.numel() else b""
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    start = 8 + struct.unpack_from("<Q", data)[0]
    named = {}
    for name, info in json.loads(data[8:start]).items():
        if name != "__metadata__":
            assert info["dtype"] == "F32", name
            lo, hi = info["data_offsets"]
            named[name] = torch.frombuffer(data[start + lo : start + hi], dtype=torch.float32).view(info["shape"])
    return named


def config_of(spec, frozen, optimizer, extra, folder):
    """JSON is YAML."""
    return {
        "name": "compare",
        "model": {
            "input": spec["input"],
            "weights": f"{folder}/start.safetensors",
            "layers": [{kind: {"name": name, **o}} for name, kind, o in spec["layers"]],
        },
        "freeze": {"layers": frozen} if frozen else {},
        "data": {"format": "arrays", "train": f"{folder}/rows.safetensors", "shuffle": False, "normalize": "none"},
        "train": {"epochs": 1, "batch_size": BATCH, "loss": spec.get("loss", "categorical_crossentropy"), **extra},
        "optimizer": optimizer,
        "lr_scheduler": {"type": "cosine"},
        "checkpoint": {"keep_best": None},
    }


def train_frostline(config, folder, ranks):
    run = f"{folder}/run{ranks}"
    path = f"{folder}/config.yaml"
    with open(path, "w") as f:
        json.dump(config, f, indent=1)
    command = [os.environ["FROSTLINE"], "train", path, "--run-dir", run, "--progress", "none"]
    if ranks > 1:
        command = ["mpirun", "-q", "-np", str(ranks), *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    with open(f"{run}/env.json") as f:
        assert json.load(f)["ranks"] == ranks
    return read_safetensors(f"{run}/checkpoints/latest/model.safetensors")


# ---- the comparison ----


def start_of(spec, generator):
    """The net with random numbers everywhere, also in biases and running statistics."""
    net = Net(spec)
    for name, t in tensors(net).items():
        fan = t[0].numel() if t.dim() > 1 else 4
        t.copy_(torch.randn(t.shape, generator=generator) / math.sqrt(fan))
        if name.endswith("running_var") or (t.dim() == 1 and name.startswith("bn") and name.endswith("weight")):
            t.abs_().add_(0.5)
    return net


def rows_of(spec, generator):
    x = torch.randn(ROWS, *spec["input"], generator=generator)
    if spec.get("loss") == "mse":
        return x, torch.randn(ROWS, spec["outputs"], generator=generator)
    if spec.get("loss") == "binary_crossentropy":
        return x, torch.randint(2, (ROWS, spec["outputs"]), generator=generator).float()
    return x, torch.randint(spec["layers"][-1][2]["units"], (ROWS,), generator=generator)


def worst_of(ours, theirs, start, frozen):
    """(largest difference over how far the tensor moved, its name); infinite for a frozen bit that changed."""
    if set(ours) != set(theirs):
        return math.inf, f"tensors {sorted(set(ours) ^ set(theirs))}"
    worst = (0.0, "")
    for name, b in theirs.items():
        a, s = ours[name].double(), start[name].double()
        if any(fnmatch(name.split(".")[0], f) for f in frozen):
            ratio = 0.0 if torch.equal(ours[name].view(torch.int32), start[name].view(torch.int32)) else math.inf
        else:
            moved = (b - s).abs().max().item()
            ratio = (a - b).abs().max().item() / moved if moved > 0 else math.inf
        if not ratio <= worst[0]:
            worst = (ratio, name)
    return worst


def compare(case, folder):
    name, frozen, optimizer, extra = case
    spec = NETS[name]
    generator = torch.Generator().manual_seed(7)
    net = start_of(spec, generator)
    start = {n: t.detach().clone() for n, t in tensors(net).items()}
    x, y = rows_of(spec, generator)
    write_safetensors(f"{folder}/start.safetensors", start)
    write_safetensors(f"{folder}/rows.safetensors", {"x": x, "y": y})
    theirs = train_torch(net, spec, frozen, optimizer, extra, x, y.double() if y.is_floating_point() else y)
    config = config_of(spec, frozen, optimizer, extra, folder)
    return [worst_of(train_frostline(config, folder, n), theirs, start, frozen) for n in (1, 2, 3)]


def main(wanted):
    torch.set_num_threads(1)
    failed = 0
    print(f"{'net':<11} {'frozen':<16} {'optimizer':<10} {'1 rank':>9} {'2 ranks':>9} {'3 ranks':>9}   worst tensor")
    for case in CASES:
        if wanted and case[0] not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            worst = compare(case, folder)
        bad = any(not ratio <= TOLERANCE for ratio, _ in worst)
        failed += bad
        ratios = " ".join(f"{ratio:9.1e}" for ratio, _ in worst)
        print(f"{case[0]:<11} {' '.join(case[1]) or '-':<16} {case[2]['type']:<10} {ratios}   {max(worst)[1]}"
              f"{'  FAILED' if bad else ''}", flush=True)  # fmt: skip
    print(f"differences relative to how far each tensor moved; at most {TOLERANCE:g} is allowed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
