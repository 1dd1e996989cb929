#!/usr/bin/env python3
"""The table of torch.sh, from the JSON lines that its runs left: torch_table.py FOLDER CASE…"""
import json
import os
import statistics
import sys

LAYOUTS = ("nchw", "nhwc")


def layouts(folder, case):
    return [layout for layout in LAYOUTS if os.path.exists(f"{folder}/{case.replace('/', '-')}-{layout}")]


def runs(folder, case, who):
    with open(f"{folder}/{case.replace('/', '-')}-{who}") as lines:
        return [json.loads(line) for line in lines]


def seconds(found):
    return statistics.median(run["step_seconds"]["median"] for run in found)


def memory(found):
    return statistics.median(run["memory"]["pss_bytes_all_ranks"] for run in found) / 1e6


def row(folder, case):
    ours = runs(folder, case, "frostline")
    peers = {layout: runs(folder, case, layout) for layout in layouts(folder, case)}
    best = min(peers.values(), key=seconds)
    took = [f"{seconds(peers[layout]):10.3f}" if layout in peers else f"{'-':>10}" for layout in LAYOUTS]
    net, freeze, ranks, threads = case.split("/")
    pairs = [min(p[i]["step_seconds"]["median"] for p in peers.values()) / run["step_seconds"]["median"] for i, run in enumerate(ours)]
    return (
        f"{net:14} {freeze:6} {ranks:>5} {threads:>7}  {seconds(ours):9.3f} {took[0]} {took[1]}"
        f"  {seconds(best) / seconds(ours):5.2f} {min(pairs):6.2f} {max(pairs):6.2f}"
        f"  {statistics.median(run['share_of_peak'] for run in ours):7.2f}"
        f"  {memory(ours):8.0f} {memory(best):8.0f} {memory(ours) / memory(best):6.2f}"
    )


def main():
    folder, cases = sys.argv[1], sys.argv[2:]
    first, peer = runs(folder, cases[0], "frostline"), runs(folder, cases[0], layouts(folder, cases[0])[0])
    print(f"# seconds of a step; medians of {len(first)} alternating runs; memory of all ranks in MB")
    print(f"# {first[0]['kernels']} kernels, {first[0]['blas']}; torch {peer[0]['version']}, whose better layout counts")
    print("# least, most: of the ratios within each round")
    print("net            frozen ranks threads  frostline torch nchw torch nhwc  ratio  least   most  of peak  memory,  torch's  ratio")
    for case in cases:
        print(row(folder, case))


main()
