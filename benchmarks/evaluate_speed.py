"""Scores of a test set, batched, compared with a loop over patches.

    python benchmarks/evaluate_speed.py [patches]

Synthetic patches of 64 x 64 cells, enlarged by nearest, bicubic and spline. "test" is what bathysr test reports: PSNR,
DSSIM and RMSE; its loop calls TensorFlow's tf.image.psnr and tf.image.ssim, as the manual's evaluator does, and NumPy's
RMSE on one patch after another. "terrain" is what bathysr evaluate adds: MAE, slope error, roughness, LR consistency
and invented detail on all and on inner cells, and spectra; its loop passes one patch after another to the same
functions, which work on 4,096 cells at once already, so there is less to gain. A loop is timed on a tenth of the
patches and scaled up; the numbers of both sides are compared first.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

import tensorflow as tf

from bathysr_nb import interpolation
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.pairs import downsampling
from bathysr_nb.scores import spectrum, tables, terrain_measures

METHODS = ("nearest", "bicubic", "spline")
UNITS = Normalisation(-8000, 0)
CELL = 50.0
WIDTHS = (9, 9, 9, 14, 8)


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """LR and HR patches cut from a synthetic seafloor, each with its own relief and depth."""
    rng = np.random.default_rng(0)
    tile = seafloor((640, 640), seed=1).reshape(10, 64, 10, 64).swapaxes(1, 2).reshape(100, 64, 64)
    tile -= tile.mean(axis=(1, 2), keepdims=True)
    hr = tile[np.arange(n) % 100] * rng.uniform(0.2, 3, (n, 1, 1)) - rng.uniform(1000, 5000, (n, 1, 1))
    hr = hr.astype(np.float32)
    return downsampling.resize(hr), hr


def test_batched(lr, hr, sides) -> pd.DataFrame:
    return tables.patch_scores(hr[..., None], {name: sr[..., None] for name, sr in sides.items()}, UNITS)


def test_loop(lr, hr, sides) -> pd.DataFrame:
    rows = []
    for i, truth in enumerate(hr[..., None]):
        row = {}
        for name, sr in sides.items():
            scaled = [UNITS.scaled(side) for side in (truth, sr[i, ..., None])]
            row[f"{name}_psnr"] = float(tf.image.psnr(*scaled, max_val=1))
            row[f"{name}_dssim"] = (1 - float(tf.image.ssim(*map(tf.constant, scaled), max_val=1))) / 2
            row[f"{name}_rmse_metres"] = np.sqrt(np.mean((sr[i].astype(np.float64) - hr[i]) ** 2))
        rows.append(row)
    return pd.DataFrame(rows)


def terrain_batched(lr, hr, sides) -> pd.DataFrame:
    measures = terrain_measures.patch_measures(hr, sides, lr, CELL)
    power = {name: spectrum.radial_power(h, CELL)[1] for name, h in ({"truth": hr} | sides).items()}
    columns = {f"{cells}_{name}": t for cells, part in measures.items() for name, t in part.items()}
    columns |= {f"power_{name}": pd.DataFrame(values) for name, values in power.items()}
    return pd.concat(columns, axis=1)


def terrain_loop(lr, hr, sides) -> pd.DataFrame:
    parts = [terrain_batched(lr[[i]], hr[[i]], {name: sr[[i]] for name, sr in sides.items()}) for i in range(len(hr))]
    return pd.concat(parts, ignore_index=True)


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def line(*parts) -> None:
    print("".join(f"{part:>{width + 2}}" for part, width in zip(parts, WIDTHS)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patches", nargs="?", type=int, default=4_400)
    n = parser.parse_args().patches
    lr, hr = pairs(n)
    sides = {name: interpolation.enlarge(lr, 4, name) for name in METHODS}
    some = slice(0, max(n // 10, 1))
    few = lr[some], hr[some], {name: sr[some] for name, sr in sides.items()}
    print("python benchmarks/evaluate_speed.py\n")
    print(f"{n} patches, {len(METHODS)} methods, {os.cpu_count()} cores, TensorFlow {tf.__version__}; seconds\n")
    line("scores", "batched", "loop", "loop timed on", "faster")
    for name, batched, loop in (("test", test_batched, test_loop), ("terrain", terrain_batched, terrain_loop)):
        for function in (batched, loop):
            function(*(side[:2] for side in few[:2]), {key: sr[:2] for key, sr in few[2].items()})  # warm up
        whole, quick = timed(batched, lr, hr, sides)
        plain, slow = timed(loop, *few)
        difference = np.abs(plain - whole[some][list(plain)]) / (1e-3 + np.abs(plain))
        assert difference.max(axis=None) < 0.02, difference.max()
        slow *= n / len(plain)
        line(name, f"{quick:.2f}", f"{slow:.1f}", f"{len(plain)} patches", f"{slow / quick:.1f} x")


if __name__ == "__main__":
    main()
