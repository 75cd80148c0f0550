"""Rotating patch pairs, compared with one ``scipy.ndimage.rotate`` call for each patch: time and memory.

    python benchmarks/augment_speed.py [pairs]

Each round times both in turn on the same depths: pairs of 64 x 64 and 16 x 16
cells, eleven angles. The loop of scipy calls is timed on a sample of the pairs and scaled up;
it uses cubic splines, this package Keys' cubic. Peak memory is measured in a run of its own
and includes the input and the output.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))

from bathysr_nb import augment
from bathysr_nb.augment import offline
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.pairs.downsampling import resize

ROUNDS, SAMPLE, FILL_MODE = 3, 50, "reflect"
WORK = {
    "rotate, LR transformed": lambda lr, hr: augment.rotate_pairs(lr, hr, downsampling=None),
    "rotate, LR remade": lambda lr, hr: augment.rotate_pairs(lr, hr, downsampling="bilinear"),
    "flip, LR remade": augment.flip_pairs,
    "scale, LR remade": augment.scale_pairs,
}


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """LR and HR patches cut from a synthetic seafloor."""
    tile = seafloor((640, 640), seed=0).reshape(10, 64, 10, 64).swapaxes(1, 2).reshape(100, 64, 64)
    hr = np.empty((n, 64, 64), np.float32)
    for i in range(n):
        hr[i] = tile[i % 100] + i // 100
    return resize(hr), hr


def seconds(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def one_call_a_patch(lr, hr) -> None:
    """Eleven turns of every patch, one call each, kept in arrays as here."""
    for side in (lr, hr):
        out = np.empty((len(side), len(offline.ANGLES), *side.shape[1:]), np.float32)
        for i, patch in enumerate(side):
            for k, angle in enumerate(offline.ANGLES):
                out[i, k] = ndimage.rotate(patch, angle, reshape=False, order=3, mode=FILL_MODE)


def peak_over_output(function, n: int) -> tuple[float, float]:
    """Peak memory with input and output, and size of the output, in MiB."""
    tracemalloc.start()
    copies = function(*pairs(n))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20, (copies.lr.nbytes + copies.hr.nbytes) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="?", type=int, default=10_000)
    n = parser.parse_args().pairs
    sample = min(SAMPLE, n)
    lr, hr = pairs(n)
    loop, times = [], {name: [] for name in WORK}
    for _ in range(ROUNDS):
        loop.append(seconds(one_call_a_patch, lr[:sample], hr[:sample]) * n / sample)
        for name, function in WORK.items():
            times[name].append(seconds(function, lr, hr))
    print(f"{n} pairs of 64 x 64 and 16 x 16 cells, medians of {ROUNDS} interleaved rounds")
    print(f"one scipy.ndimage.rotate call a patch, 11 angles: {median(loop):.1f} s", end=" ")
    print(f"(timed on {sample} pairs and multiplied by {n / sample:g})\n")
    print(f"{'':24}{'seconds':>9}{'times faster':>14}{'output MiB':>12}{'peak MiB':>10}{'peak/output':>13}")
    del lr, hr
    for name, function in WORK.items():
        peak, output = peak_over_output(function, n)
        own, ratio = median(times[name]), ""
        if name.startswith("rotate"):
            ratio = f"{median(a / b for a, b in zip(loop, times[name])):.1f}"
        print(f"{name:24}{own:9.2f}{ratio:>14}{output:12.0f}{peak:10.0f}{peak / output:13.2f}")


if __name__ == "__main__":
    main()
