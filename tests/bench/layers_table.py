#!/usr/bin/env python3
"""The table of layers.sh, from the lines that its runs left: layers_table.py FOLDER THREADS"""
import statistics
import sys

import torch


def read(path):
    runs = {}
    with open(path) as lines:
        for line in lines:
            name, forward, backward = line.split()
            runs.setdefault(name, []).append((float(forward), float(backward)))
    return {name: [statistics.median(v) for v in zip(*r)] for name, r in runs.items()}


def main():
    folder, threads = sys.argv[1], sys.argv[2]
    ours, nchw, nhwc = (read(f"{folder}/{who}") for who in ("frostline", "nchw", "nhwc"))
    print(f"# milliseconds, {threads} thread(s); torch {torch.__version__}, whose better layout counts")
    print(f"{'layer':18} {'forward':>9} {'nchw':>9} {'nhwc':>9} {'ratio':>6}   {'backward':>9} {'nchw':>9} {'nhwc':>9} {'ratio':>6}   {'both':>6}")
    for name, mine in ours.items():
        best = [min(nchw[name][i], nhwc[name][i]) for i in (0, 1)]
        cells = [f"{1e3 * mine[i]:9.3f} {1e3 * nchw[name][i]:9.3f} {1e3 * nhwc[name][i]:9.3f} {best[i] / mine[i]:6.2f}" for i in (0, 1)]
        both = min(sum(nchw[name]), sum(nhwc[name])) / sum(mine)
        print(f"{name:18} {cells[0]}   {cells[1]}   {both:6.2f}")
    print("# flatten, add and concat: torch's backward passes views of dy on, so that ratio compares no work")


main()
