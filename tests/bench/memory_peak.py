#!/usr/bin/env python3
"""Runs a command and prints the most memory that it held, in bytes: memory_peak.py COMMAND…

Of all its processes but launchers and shells, sampled twenty times a second: the sum of the proportional set sizes, so
that a page which n of them share counts once; and memory files count whole, mapped or not, as far as the machine's
shared memory has grown since the start. The machine is to be idle. Exit code: the command's.
"""
import os
import subprocess
import sys
import time

LAUNCHERS = {"mpirun", "orterun", "prte", "bash", "sh", "env"}


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def kilobytes(text, key):
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(key + ":"))


def descendants(root):
    parents = {}
    for name in os.listdir("/proc"):
        stat = read(f"/proc/{name}/stat") if name.isdigit() else ""
        if stat:
            parents[int(name)] = int(stat.rpartition(")")[2].split()[1])
    found = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def shared_memory():
    return kilobytes(read("/proc/meminfo"), "Shmem")


def resident(pids, shared_before):
    total = mapped = 0
    for pid in pids:
        if read(f"/proc/{pid}/comm").strip() not in LAUNCHERS:
            sizes = read(f"/proc/{pid}/smaps_rollup")
            total += kilobytes(sizes, "Pss")
            mapped += kilobytes(sizes, "Pss_Shmem")
    return total - mapped + max(mapped, shared_memory() - shared_before)


def main():
    before, peak = shared_memory(), 0
    with subprocess.Popen(sys.argv[1:], stdout=sys.stderr) as command:
        while command.poll() is None:
            peak = max(peak, resident(descendants(command.pid), before))
            time.sleep(0.05)
    print(peak * 1024)
    return command.returncode


sys.exit(main())
