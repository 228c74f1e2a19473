"""How fast the card's memory copies: the ceiling of a step that moves more than it computes.

usage: copy_rate.py --device cuda|cpu --json OUT

A copy on the device counts the bytes that it reads and those that it writes. The large one is several times the card's cache; the small
ones, which fit in it, show what a step may reach whose tensors stay there. From the host: pinned and ordinary memory.
"""

import argparse
import json
import os
import statistics
import time

import torch

MIB = 2**20
REPEATS = 7


def seconds_of(copy, device, least=0.05):
    """Seconds a call in each of some repeats, each of enough calls to take `least` seconds."""

    def repeat(calls):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(calls):
            copy()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / calls

    repeat(3)
    calls = max(1, int(least / repeat(3)))
    return [repeat(calls) for _ in range(REPEATS)]


def rate(times, byte_count):
    """GB/s (10⁹ bytes)."""
    rates = [byte_count / each / 1e9 for each in times]
    return dict(median=statistics.median(rates), min=min(rates), max=max(rates), repeats=len(rates))


def on_device(device, size):
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return rate(seconds_of(lambda: target.copy_(source), device), 2 * size)


def from_host(device, size, pinned):
    source = torch.randint(0, 255, (size,), dtype=torch.uint8)
    source = source.pin_memory() if pinned else source
    target = torch.empty(size, dtype=torch.uint8, device=device)
    return rate(seconds_of(lambda: target.copy_(source, non_blocking=pinned), device), size)


def measure(device):
    large = 2048 * MIB if device.type == "cuda" else 64 * MIB
    found = {f"device_{size // MIB}_MiB": on_device(device, size) for size in (8 * MIB, 32 * MIB, large)}
    found["device"] = found.pop(f"device_{large // MIB}_MiB")
    found["host_to_device"] = from_host(device, 64 * MIB, pinned=False)
    if device.type == "cuda":
        found["host_to_device_pinned"] = from_host(device, 256 * MIB, pinned=True)
    return found


def main():
    cli = argparse.ArgumentParser(description="How fast the card's memory copies.")
    cli.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    cli.add_argument("--json", required=True)
    arguments = cli.parse_args()
    device = torch.device(arguments.device)
    found = dict(unit="GB/s, bytes read and written", **measure(device))
    with open(arguments.json + ".partial", "w") as file:
        json.dump(found, file, indent=1)
    os.replace(arguments.json + ".partial", arguments.json)


if __name__ == "__main__":
    main()
