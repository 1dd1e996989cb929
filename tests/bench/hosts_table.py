#!/usr/bin/env python3
"""The table of hosts.sh, from the JSON lines that its runs left: hosts_table.py FOLDER RATE FREEZE-HOSTS…"""
import json
import os
import re
import statistics
import sys

UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}


def bits_per_second(rate):
    number, unit = re.fullmatch(r"([0-9.]+)([kmg]?)bit", rate).groups()
    return float(number) * UNITS[unit]


def medians(path, get):
    if not os.path.exists(path):
        return None
    with open(path) as lines:
        return statistics.median(get(json.loads(line)) for line in lines)


def step(run):
    return run["step_seconds"]["median"]


def exposed(run):
    return run["time"]["reduce_exposed"]["median"]


def rows(folder, rate, case):
    freeze, hosts = case.split("-")
    path = f"{folder}/{case}"
    with open(f"{path}-plan") as text:
        wire = json.load(text)["wire_bytes_per_rank"] * 8 / bits_per_second(rate)
    found = sorted(name[len(case) + 1:] for name in os.listdir(folder) if name.startswith(case + "-"))
    for who in [name for name in found if name not in ("plan", "apart", "torch_apart")]:
        torch = who == "torch"
        apart = medians(f"{path}-torch_apart" if torch else f"{path}-apart", step)
        seconds = medians(f"{path}-{who}", step)
        open_seconds = seconds - apart if torch else medians(f"{path}-{who}", exposed)
        yield (f"{freeze:7} {hosts:>5}  {who:9} {seconds:8.3f} {open_seconds:8.3f} {apart:8.3f} {wire:8.3f}"
               f" {seconds / max(apart, wire):9.2f}")


def main():
    folder, rate, cases = sys.argv[1], sys.argv[2], sys.argv[3:]
    print(f"# VGG16 on hosts of one core, {rate} each: seconds of a step; torch's exposed: what it takes longer than apart")
    print("frozen  hosts  by            step  exposed    apart     wire  of limit")
    for case in cases:
        print("\n".join(rows(folder, rate, case)))


main()
