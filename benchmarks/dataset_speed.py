"""Speed and memory of the dataset builder, compared with plain loops in the same run.

    python benchmarks/dataset_speed.py

A synthetic seafloor of 4400 x 4000 cells of 50 m with 5% missing cells, 44 x 40 blocks: as large
as the manual's, 44,000 pairs at most. Plain loops are timed on a sample and scaled up.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from bathysr_nb import terrain
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import dataset, downsampling
from bathysr_nb.pairs.gaps import cleansing

SHAPE, BLOCKS, ROUNDS = (4400, 4000), (44, 40), 3


def seconds(run, *arguments) -> float:
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started


def peak(run, *arguments) -> int:
    """Peak memory in bytes of a function in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (run, arguments))


def _measured(run, arguments) -> int:
    run(*arguments)
    status = Path("/proc/self/status").read_text()  # unlike getrusage, not inherited from the parent
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def nanmean_loop(grid, gaps) -> None:
    for i, j in gaps:
        window = grid[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        if not np.isnan(window).all():
            np.nanmean(window)


def slope_loop(h, d) -> float:
    total = 0.0
    for i in range(1, h.shape[0] - 1):
        for j in range(1, h.shape[1] - 1):
            sy = sum(h[i - 1, j + k] - h[i + 1, j + k] for k in (-1, 0, 1)) / (6 * d)
            sx = sum(h[i + k, j - 1] - h[i + k, j + 1] for k in (-1, 0, 1)) / (6 * d)
            total += (sx**2 + sy**2) ** 0.5
    return total / h.size


def build(folder: Path) -> None:
    data = dataset.Dataset(folder / "lr.pkl", folder / "hr.pkl", BLOCKS, cell_size=50.0)
    data.save(folder / "out", overwrite=True)


def numpy_save(folder: Path, arrays) -> None:
    folder.mkdir()
    for number, array in enumerate(arrays):
        np.save(folder / f"{number}.npy", array)


def report(name: str, ours, plain, goal: str) -> None:
    ours, plain = median(ours), median(plain)
    print(f"{name:34} {ours:9.3f} s {plain:9.3f} s   ratio {plain / ours:8.1f}   goal {goal}")


def main() -> None:
    print("python benchmarks/dataset_speed.py: medians of", ROUNDS, "rounds on", os.cpu_count(), "CPU cores\n")
    hr = synthetic.seafloor(SHAPE, province="ridge", missing=0.05)
    gaps = np.argwhere(np.isnan(hr))
    sample = gaps[np.random.default_rng(0).choice(len(gaps), 4000, replace=False)]
    patches = np.nan_to_num(hr[:, :4000], nan=-2000.0)[:64].reshape(64, -1, 40)[:, :, :40].swapaxes(0, 1)
    patches = np.ascontiguousarray(np.resize(patches, (2000, 64, 64)))
    rows = {"cleansing": ([], []), "mean slope gradient (float32)": ([], []), "feature table (float64)": ([], [])}
    for _ in range(ROUNDS):
        ours, plain = rows["cleansing"]
        ours.append(seconds(cleansing, hr))
        plain.append(seconds(nanmean_loop, hr, sample) * len(gaps) / len(sample))
        loop = seconds(slope_loop, patches[0], 50.0) * len(patches)
        for name, run in (
            ("mean slope gradient (float32)", terrain.mean_slope_gradient),
            ("feature table (float64)", terrain.feature_table),
        ):
            rows[name][0].append(seconds(run, patches, 50.0))
            rows[name][1].append(loop)
    print(f"{'':34} {'package':>11} {'plain loop':>11}")
    for (name, (ours, plain)), goal in zip(rows.items(), (">= 30", ">= 300", "(both columns of slopes)")):
        report(name, ours, plain, goal)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, grid in (("hr", hr), ("lr", downsampling.resize(cleansing(hr)))):
            with open(folder / f"{name}.pkl", "wb") as file:
                np.nan_to_num(grid).dump(file)
        build(folder)
        arrays = [store.load_patches(path) for path in sorted((folder / "out").rglob("*.pkl"))]
        size = sum(array.nbytes for array in arrays)
        times = ([], [])
        for _ in range(ROUNDS):
            times[0].append(seconds(build, folder))
            times[1].append(seconds(numpy_save, folder / "plain", arrays))
            shutil.rmtree(folder / "plain")
            shutil.rmtree(folder / "out")
        pairs = sum(len(array) for array in arrays) // 2
        del arrays
        used = peak(build, folder)
    ours, plain = map(median, times)
    print(f"\nwhole build, {pairs} pairs, {size / 1e6:.0f} MB")
    print(f"  {ours:.2f} s, numpy.save of the same {plain:.2f} s: {ours / plain:.1f}x (goal <= 6)")
    print(f"  peak memory {used / 1e6:.0f} MB: {used / size:.2f}x of the output (goal <= 2.5)")


if __name__ == "__main__":
    main()
