#!/usr/bin/env python3
"""An epoch over features of VGG16 that are kept by hand, in PyTorch: a TensorDataset in memory, Linear 256, ReLU, Linear 10,
Adam. Prints one JSON line: seconds of an epoch for each of Adam's implementations and ways to take a batch; medians.
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def epoch_seconds(net, batches, implementation, epochs):
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, **{implementation: True})
    loss, seconds = nn.CrossEntropyLoss(), []
    for _ in range(epochs + 1):  # the first one is not counted
        start = time.perf_counter()
        for x, y in batches():
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=25088)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.rand(options.rows, options.width), torch.randint(0, 10, (options.rows,))
    loader = DataLoader(TensorDataset(x, y), batch_size=options.batch, shuffle=True)

    def indexed():
        return ((x[rows], y[rows]) for rows in torch.randperm(options.rows).split(options.batch))

    net = nn.Sequential(nn.Linear(options.width, 256), nn.ReLU(), nn.Linear(256, 10))
    result = {"version": torch.__version__}
    for implementation in ("fused", "foreach"):
        for way, batches in (("loader", lambda: loader), ("index", indexed)):
            result[f"{implementation} {way}"] = epoch_seconds(net, batches, implementation, options.epochs)
    print(json.dumps(result))


main()
