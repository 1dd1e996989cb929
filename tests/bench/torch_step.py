#!/usr/bin/env python3
"""The training step of `frostline bench step` in PyTorch: a net of torch_nets.py; Adam on cross-entropy; synthetic rows.
Prints one JSON line. With RANK and WORLD_SIZE in the environment, one process of several under DistributedDataParallel over
gloo; rank 0 prints.
"""
import argparse
import json
import os
import resource
import statistics
import time

import torch
from torch import distributed, nn
from torch_nets import BASES, Net


def build(options):
    net = Net(options.net, options.image, options.freeze)
    x = torch.rand(options.rows, 3, options.image, options.image) * 2 - 1
    if options.layout == "nhwc":
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    return net, x, torch.arange(options.rows) % 10


def proportional_bytes():
    with open("/proc/self/smaps_rollup") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=list(BASES), default="vgg16")
    parser.add_argument("--freeze", choices=["base", "block5", "none"], default="base")
    parser.add_argument("--layout", choices=["nchw", "nhwc"], default="nhwc")
    parser.add_argument("--rows", type=int, default=8, help="per rank")
    parser.add_argument("--image", type=int, default=224, help="height and width")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    ranks, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    net, x, y = build(options)
    if ranks > 1:
        distributed.init_process_group("gloo")
        net = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)
    loss = nn.CrossEntropyLoss()

    def barrier():
        if ranks > 1:
            distributed.barrier()

    def step():
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()

    seconds = []
    for i in range(options.steps + 1):  # the first one is not counted
        barrier()
        start = time.perf_counter()
        step()
        barrier()
        if i:
            seconds.append(time.perf_counter() - start)

    memory = torch.tensor([float(proportional_bytes())])
    if ranks > 1:
        distributed.all_reduce(memory)
    if rank == 0:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({
            "version": torch.__version__,
            "step_seconds": {"median": statistics.median(seconds)},
            "memory": {"peak_rss_bytes": peak, "pss_bytes_all_ranks": int(memory.item())},
        }), flush=True)
    if ranks > 1:
        distributed.destroy_process_group()


main()
