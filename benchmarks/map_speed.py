"""A whole map, compared with overlapping patches and with PyTorch, and how memory grows with the map.

    python benchmarks/map_speed.py [--torch-python PATH]

ESPCN, residual form, scale 4, from 1100 x 1000 cells. Each arm is a process of its own with as many threads and the
same weights; what they make is compared before anything is timed. Rounds of the arms take turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import xarray as xr
from dataset_speed import peak
from keras_arm import named_weights, shake
from train_speed import installed, processor
from workers import Rounds, Worker, serve

sys.path.insert(0, str(Path(__file__).parents[1]))

from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.grids.write import write_grid
from bathysr_nb.maps.inference import superresolve
from bathysr_nb.maps.mapfile import superresolve_file
from bathysr_nb.models.backend import ops
from bathysr_nb.models.build import build_model, load_model
from bathysr_nb.models.normalisation import Normalisation

SHAPE, SCALE, RELIEF, TOLERANCE = (1100, 1000), 4, 20.0, 5e-3
PATCH, BATCH = 16, 256
STRIDES = {"patches": 8, "more patches": 4}  # LR cells
GROWN = 2  # times the rows and columns, for memory


def made_map(shape=SHAPE) -> np.ndarray:
    return (seafloor(shape, province="ridge", seed=0) / 4).astype("float32")


def located(depth: np.ndarray) -> xr.DataArray:
    axes = {"y": -np.arange(depth.shape[0]) * 200.0, "x": np.arange(depth.shape[1]) * 200.0}
    return xr.DataArray(depth, axes, ("y", "x"))


def starts(cells: int, stride: int) -> list[int]:
    return [*range(0, cells - PATCH, stride), cells - PATCH]


def by_patches(model, depth: np.ndarray, stride: int) -> np.ndarray:
    """The map as the mean of overlapping patches, each predicted alone."""
    places = [(i, j) for i in starts(depth.shape[0], stride) for j in starts(depth.shape[1], stride)]
    patches = np.stack([depth[i : i + PATCH, j : j + PATCH] for i, j in places])[..., None]
    fine = model.predict(patches, batch_size=BATCH, verbose=0)[..., 0]
    total, times = (np.zeros(np.multiply(depth.shape, SCALE), "float32") for _ in range(2))
    for (i, j), patch in zip(places, fine):
        here = slice(i * SCALE, (i + PATCH) * SCALE), slice(j * SCALE, (j + PATCH) * SCALE)
        total[here] += patch
        times[here] += 1
    return total / times


class MapArm(Rounds):
    """The package's side; `kind` is map or a key of `STRIDES`. See `workers.serve`."""

    def __init__(self, kind: str):
        self.kind = kind

    def start(self, model: str, data: str) -> None:
        self.model = load_model(model)
        with np.load(data) as arrays:
            self.test = arrays["test"]

    def predict(self) -> np.ndarray:
        if self.kind == "map":
            sr = superresolve(located(self.test[0, ..., 0]), self.model, progress=False).elevation.values
        else:
            sr = by_patches(self.model, self.test[0, ..., 0], STRIDES[self.kind])
        return sr[None, ..., None]


def write_map(model: Path, folder: Path, rows: int, suffix: str) -> None:
    superresolve_file(model, folder / f"{rows}.nc", folder / f"sr{suffix}", overwrite=True)


def prepare(folder: Path) -> Path:
    """The network, its weights for PyTorch, and the map."""
    model = build_model("espcn", scale=SCALE, normalisation=Normalisation(-2500, 0, RELIEF))
    shake(model)
    model.save(folder / "model.keras")
    np.savez(
        folder / "weights.npz", **{key: ops.convert_to_numpy(value) for key, value in named_weights(model).items()}
    )
    depth = made_map()
    few = np.zeros((16, 16, 16, 1), "float32"), np.zeros((16, 64, 64, 1), "float32")
    np.savez(folder / "data.npz", lr=few[0], hr=few[1], test=depth[None, ..., None])
    for shape in (SHAPE, tuple(GROWN * side for side in SHAPE)):
        write_grid(located(np.tile(depth, np.floor_divide(shape, SHAPE))), folder / f"{shape[0]}.nc")
    return folder / "model.keras"


def arms(options, model: Path, folder: Path) -> dict[str, Worker]:
    workers = {}
    for kind in ("map", *STRIDES):
        workers[kind] = Worker(sys.executable, "map_speed.py", "--arm", kind, threads=options.threads)
        workers[kind].ask("start", model=str(model), data=str(folder / "data.npz"))
    if "torch" in installed(options.torch_python):
        workers["PyTorch"] = Worker(options.torch_python, "torch_nets.py", threads=options.threads)
        workers["PyTorch"].ask("versions")
        start = {"patches": 16, "weights": str(folder / "weights.npz"), "data": str(folder / "data.npz")}
        workers["PyTorch"].ask("start", name="espcn", relief=RELIEF, **start)
    return workers


def check(workers: dict[str, Worker], folder: Path) -> None:
    """PyTorch makes the same map, patches another."""
    maps = {}
    for name, worker in workers.items():
        worker.ask("output", path=str(folder / f"{name}.npy"))
        maps[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    off = {name: maps[name] - maps["map"] for name in workers}
    if "PyTorch" in off and not (worst := float(np.abs(off["PyTorch"]).max())) < TOLERANCE:
        raise SystemExit(f"PyTorch's map differs by {worst:.1e} m, expected < {TOLERANCE}")
    rms = [f"every {stride} cells {np.sqrt(np.mean(off[name] ** 2)):.2g} m" for name, stride in STRIDES.items()]
    print("\nPatches see less at their rims, so their mean is a different map: with these random weights")
    print(f"it differs by {' and '.join(rms)} (RMS).")


def time_arms(workers: dict[str, Worker], rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            seconds[name].append(1 / worker.ask("predict_round"))
    print(f"\n{'':14}{'seconds':>9}{'times the map':>15}")
    for name, took in seconds.items():
        ratio = median(other / own for other, own in zip(took, seconds["map"]))
        print(f"{name:14}{median(took):9.2f}{ratio:15.2f}", flush=True)


def weigh(model: Path, folder: Path) -> None:
    larger = tuple(GROWN * side for side in SHAPE)
    print(f"\npeak memory in MiB, written to disk   {SHAPE[0]} x {SHAPE[1]}   {larger[0]} x {larger[1]}   grows by")
    for suffix in (".nc", ".tif"):
        found = [peak(write_map, model, folder, rows, suffix) / 2**20 for rows in (SHAPE[0], larger[0])]
        print(f"{suffix:36}{found[0]:13.0f}{found[1]:14.0f}{found[1] / found[0]:11.2f}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default=os.environ.get("TORCH_PYTHON", sys.executable))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--arm", choices=("map", *STRIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.arm:
        return serve(MapArm(options.arm))
    print("python benchmarks/map_speed.py\n")
    print(f"ESPCN, residual form, {SHAPE[0]} x {SHAPE[1]} to {SHAPE[0] * SCALE} x {SHAPE[1] * SCALE} cells, float32.")
    print(f"Medians of {options.rounds} rounds; arms take turns, each in its own process with {options.threads}")
    print(f"threads and the same weights; PyTorch's map agrees to {TOLERANCE} m.")
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    print(f"{'map':14}bathysr_nb.maps.inference, numpy in and out, default tiles")
    for name, stride in STRIDES.items():
        print(f"{name:14}{PATCH} x {PATCH} cells every {stride}, batches of {BATCH}, averaged where they overlap")
    print(f"{'PyTorch':14}the same network on the whole map at once")
    with tempfile.TemporaryDirectory() as name:
        began, folder = time.perf_counter(), Path(name)
        model = prepare(folder)
        workers = arms(options, model, folder)
        if "PyTorch" not in workers:
            print("not installed, left out: PyTorch (--torch-python)")
        check(workers, folder)
        time_arms(workers, options.rounds)
        for worker in workers.values():
            worker.close()
        weigh(model, folder)
    print(f"\n{(time.perf_counter() - began) / 60:.1f} minutes in all")


if __name__ == "__main__":
    main()
