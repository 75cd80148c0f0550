"""Adaptive Mixup from pickles to pickles: time and peak memory, and how they grow.

    python benchmarks/mixup_speed.py [originals]

Each line is one process of its own: it reads synthetic pairs of 64 x 64 and 16 x 16 cells, measures 3 flips and 11
turns of each, blends, picks twice as many pairs as there are originals, and writes everything that
``bathysr mixup`` writes. Policy "beta" makes as many blends as it picks; "target" solves each
weight. "50 m" steers by the slopes of the HR patches, as the manual's input file does.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bathysr_nb.files import store
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.manual import mixing
from bathysr_nb.pairs.downsampling import resize

GROWTH = (2_500, 5_000, 10_000)
CASES = (("target", 200), ("beta", 200), ("target", 50))
HEAD = ("originals", "policy", "steered at", "blends", "picked", "seconds", "peak GiB")
WIDTHS = (9, 8, 11, 8, 8, 9, 9)


def pairs(n: int, steepness: tuple[float, float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """LR and HR patches cut from a synthetic seafloor, each flattened or steepened by a factor."""
    rng = np.random.default_rng(seed)
    tile = seafloor((640, 640), seed=seed).reshape(10, 64, 10, 64).swapaxes(1, 2).reshape(100, 64, 64)
    hr = np.empty((n, 64, 64), np.float32)
    for i, factor in enumerate(np.exp(rng.uniform(*np.log(steepness), n))):
        patch = tile[i % 100]
        hr[i] = (patch - patch.mean()) * factor - rng.uniform(1000, 5000)
    return resize(hr), hr


def one(folder: str, policy: str, delta: int) -> None:
    """Mix one synthetic training set in this process, and print what it took."""
    train = Path(folder) / "train"
    params = mixing.MixupParams(
        train_dir=train,
        save_dir_name=f"{policy}_{delta}",
        lambda_policy=policy,
        get_slope_difference=mixing.SlopeDifference(True, Path(folder) / "target", delta),
    )
    start = time.perf_counter()
    outcome = mixing.mix_files(params)
    seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count, blends, picked = (len(outcome.values["train"]), outcome.blends, len(outcome.values["picked"]))
    line(count, policy, f"{delta} m", blends, picked, f"{seconds:.1f}", f"{peak:.2f}")


def line(*parts) -> None:
    print("".join(f"{part:>{width + 2}}" for part, width in zip(parts, WIDTHS)), flush=True)


def run(n: int, cases) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, count, steepness in (("train", n, (0.2, 2)), ("target", 2000, (0.8, 3))):
            store.save_pair(Path(folder) / name, *pairs(count, steepness, seed=len(name)))
        for policy, delta in cases:
            command = [sys.executable, "-W", "ignore", __file__, "--one", folder, policy, str(delta)]
            subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("originals", nargs="?", type=int, default=11_053)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one[0], args.one[1], int(args.one[2]))
        return
    print("python benchmarks/mixup_speed.py\n")
    print(f"{os.cpu_count()} cores; reading, measuring flips and turns, blending, picking, writing\n")
    line(*HEAD)
    run(args.originals, CASES)
    print("\ngrowth", flush=True)
    for n in GROWTH:
        run(n, CASES[:2])


if __name__ == "__main__":
    main()
