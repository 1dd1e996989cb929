#!/usr/bin/env python3
"""What bench_layers measures, in PyTorch: torch_layers.py LAYOUT THREADS REPEATS <CASES. Prints `NAME forward backward`, median
seconds: the forward call of a training step, and the gradients of all inputs and parameters."""
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "sigmoid": torch.sigmoid,
               "tanh": torch.tanh, "gelu": F.gelu, "silu": F.silu, "softmax": lambda x: F.softmax(x, 1)}


def convolution(layer, shape, o):
    channels = shape[-1]
    filters = o["filters"] if layer == "conv2d" else channels * o.get("depth_multiplier", 1)
    return nn.Conv2d(channels, filters, o["kernel_size"], o.get("strides", 1), o.get("padding", [0])[0],
                     groups=1 if layer == "conv2d" else channels, bias=o.get("use_bias", True))


def pool(kind, o):
    return kind(o["pool_size"], o.get("strides", o["pool_size"]), ceil_mode=o.get("ceil_mode", False))


def module(layer, shape, o):
    if layer in ("conv2d", "depthwise_conv2d"):
        return convolution(layer, shape, o)
    return {
        "dense": lambda: nn.Linear(shape[0], o["units"]),
        "max_pool2d": lambda: pool(nn.MaxPool2d, o),
        "avg_pool2d": lambda: pool(nn.AvgPool2d, o),
        "global_avg_pool2d": lambda: nn.AdaptiveAvgPool2d(1),
        "global_max_pool2d": lambda: nn.AdaptiveMaxPool2d(1),
        "flatten": nn.Flatten,
        "batch_norm": lambda: nn.BatchNorm2d(shape[-1], 1e-3),
        "dropout": lambda: nn.Dropout(o["rate"]),
        "activation": nn.Identity,
    }[layer]()


def tensor(shape, rows, layout):
    size = [rows, *shape] if len(shape) == 1 else [rows, shape[2], shape[0], shape[1]]
    x = torch.rand(size) * 2 - 1
    if layout == "nhwc" and len(size) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    return x


def build(layer, shapes, o, layout):
    if layer == "add":
        return (lambda a, b: a + b), []
    if layer == "concat":
        return (lambda a, b: torch.cat([a, b], 1)), []
    net = module(layer, shapes[0], o)
    if layout == "nhwc":
        net = net.to(memory_format=torch.channels_last)
    f = ACTIVATIONS.get(o.get("activation"))
    return (lambda x: f(net(x)) if f else net(x)), list(net.parameters())


def measure(run, inputs, parameters, repeats):
    times = [[], []]
    wanted = [*inputs, *parameters]
    dy = torch.randn_like(run(*inputs)) * 0.1
    for i in range(repeats + 1):
        start = time.perf_counter()
        y = run(*inputs)
        middle = time.perf_counter()
        torch.autograd.grad(y, wanted, dy)
        end = time.perf_counter()
        if i:
            times[0].append(middle - start)
            times[1].append(end - middle)
    return [statistics.median(t) for t in times]


def main():
    layout, threads, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    for line in sys.stdin:
        if line.startswith("#") or not line.strip():
            continue
        name, layer, rows, text, options = line.split(None, 4)
        shapes = [[int(n) for n in one.split("x")] for one in text.split("+")]
        run, parameters = build(layer, shapes, json.loads(options), layout)
        inputs = [tensor(s, int(rows), layout).requires_grad_() for s in shapes]
        forward, backward = measure(run, inputs, parameters, repeats)
        print(name, f"{forward:.6g} {backward:.6g}", flush=True)


main()
