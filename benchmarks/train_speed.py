"""Training and prediction, compared with PyTorch, with a Python generator, and between Keras backends.

    python benchmarks/train_speed.py [--torch-python PATH] [--backend-python PATH]

The interpreters are those that have PyTorch, and Keras with JAX or PyTorch; by default this one.
Each arm is a process of its own with as many threads and the same weights; prediction and the first
training step are compared before anything is timed. Rounds of the arms take turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from workers import Worker, ask_all

sys.path.insert(0, str(Path(__file__).parents[1]))

from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.interpolation import enlarge
from bathysr_nb.models.normalisation import local_mean
from bathysr_nb.pairs.downsampling import resize

PATCHES = {"srcnn": 640, "fsrcnn": 2560, "espcn": 2560, "srgan": 192, "esrgan": 96}  # of an epoch
BATCHES, TEST, TOLERANCE = (16, 32), 623, 5e-3
AGAINST = ("torch", "generator", "stock")
ONCE = ("stock", "metrics", "fit jax", "fit torch", "fit tensorflow")  # arms that train with the larger batch only
HEADS = {
    "fit": "package",
    "torch": "PyTorch",
    "generator": "gener.",
    "stock": "stock",
    "metrics": "metrics",
    "fit jax": "on JAX",
    "fit torch": "on torch",
    "fit tensorflow": "on TF",
}


def patches(n: int) -> tuple[np.ndarray, np.ndarray]:
    """LR and HR patches cut from a synthetic seafloor, shape (n, h, w, 1)."""
    rows = -(-n // 26)
    hr = seafloor((64 * rows, 64 * 26), province="ridge", seed=0)
    hr = hr.reshape(rows, 64, 26, 64).swapaxes(1, 2).reshape(-1, 64, 64)[:n]
    return resize(hr)[..., None].astype("float32"), hr[..., None].astype("float32")


def installed(python: str) -> list[str]:
    code = "import importlib.util as u; print(*(b for b in ('tensorflow', 'jax', 'torch') if u.find_spec(b)))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def arms(options) -> tuple[dict[str, Worker], list[str]]:
    """A worker for each arm that can be had, the package's first, and what is left out."""
    make = lambda *script, python=sys.executable, **more: Worker(python, *script, threads=options.threads, **more)  # noqa: E731
    workers = {kind: make("keras_arm.py", kind) for kind in ("fit", "generator", "stock", "metrics")}
    missing = []
    if "torch" in installed(options.torch_python):
        workers["torch"] = make("torch_nets.py", python=options.torch_python)
    else:
        missing.append("PyTorch (--torch-python)")
    default = os.environ.get("KERAS_BACKEND", "tensorflow")
    for backend in {"tensorflow", "jax", "torch"} - {default}:
        if backend in installed(options.backend_python):
            workers[f"fit {backend}"] = make("keras_arm.py", "fit", python=options.backend_python, backend=backend)
        elif backend in installed(sys.executable):
            workers[f"fit {backend}"] = make("keras_arm.py", "fit", backend=backend)
        else:
            missing.append(f"Keras on {backend} (--backend-python)")
    return {name: workers[name] for name in HEADS if name in workers}, missing


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def check(workers: dict[str, Worker], folder: Path, lr: np.ndarray) -> None:
    """Every arm with the same weights predicts the same and has the same first loss."""
    outputs, names = {}, [name for name in workers if name.startswith(("fit", "torch"))]
    bicubic = enlarge(lr[..., 0].astype(float), 4)[..., None]
    for name in names:
        workers[name].ask("output", path=str(folder / "output.npy"))
        outputs[name] = np.load(folder / "output.npy") - bicubic
    spread = outputs["fit"].std()
    loss = dict(zip(names, ask_all([workers[name] for name in names], "first_loss")))
    for name in names:
        for what, off in (
            ("prediction", np.abs(outputs[name] - outputs["fit"]).max() / spread),
            ("first loss", abs(loss[name] / loss["fit"] - 1)),
        ):
            if not off < TOLERANCE:
                raise SystemExit(f"{name}: {what} differs from the package's by {off:.1e}, expected < {TOLERANCE}")


def timed(workers: dict[str, Worker], rounds: int, call: str, **arguments) -> dict[str, list[float]]:
    rates = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            rates[name].append(worker.ask(call, **arguments))
    return rates


def row(rates: dict[str, list[float]], columns) -> str:
    """Medians, then the package's ratio to PyTorch, generator and stock layers, round by round."""
    cells = [f"{median(rates[name]):.0f}" if name in rates else "-" for name in columns]
    for other in (name for name in AGAINST if name in columns):
        ratios = [a / b for a, b in zip(rates["fit"], rates.get(other, []))]
        cells.append(f"{median(ratios):.2f}" if ratios else "-")
    return "".join(f"{cell:>9}" for cell in cells)


def header(columns) -> str:
    ratios = [f"/{HEADS[name]}" for name in AGAINST if name in columns]
    return "".join(f"{head:>9}" for head in [HEADS[name] for name in columns] + ratios)


def compare(name: str, workers, folder: Path, relief: float, options) -> tuple[dict, dict]:
    """Build one network in all arms, check it, and time it."""
    start = {"name": name, "patches": PATCHES[name], "data": str(folder / "data.npz"), "relief": relief}
    start["weights"] = str(folder / f"{name}.npz")
    workers["fit"].ask("start", **start)
    ask_all([worker for key, worker in workers.items() if key != "fit"], "start", **start)
    with np.load(start["data"]) as data:
        check(workers, folder, data["test"])
    predicting = {key: worker for key, worker in workers.items() if key.startswith(("fit", "torch"))}
    prediction = timed(predicting, options.rounds, "predict_round")
    training = {}
    for batch in BATCHES:
        arms = {key: worker for key, worker in workers.items() if key not in ONCE or batch == BATCHES[-1]}
        ask_all(arms.values(), "round", batch=batch, seconds=0)  # compiles, not timed
        training[batch] = timed(arms, options.rounds, "round", batch=batch, seconds=options.seconds)
    return training, prediction


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default=os.environ.get("TORCH_PYTHON", sys.executable))
    parser.add_argument("--backend-python", default=os.environ.get("BACKEND_PYTHON", sys.executable))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="least length of one timed round")
    parser.add_argument("--networks", nargs="+", choices=PATCHES, default=list(PATCHES))
    return parser.parse_args()


def describe(workers, missing, options) -> None:
    print("python benchmarks/train_speed.py\n")
    print("Patches a second, 16 x 16 to 64 x 64 cells, residual form, mae, Adam, biases, float32.")
    print(
        f"Medians of {options.rounds} rounds of {options.seconds:g} s or more; arms take turns, each in its own process"
    )
    print(f"with {options.threads} threads and the same weights; first loss and prediction agree to {TOLERANCE}.")
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    for name, version in zip(workers, ask_all(workers.values(), "versions")):
        if name.startswith(("fit", "torch")):
            print(f"  {HEADS[name]}: {version}")
    if missing:
        print("not installed, left out: " + ", ".join(missing))
    print(LEGEND)


LEGEND = """
package   the package's training loop on its data pipeline
PyTorch   eager, channels-last, index shuffle in memory
gener.    same network without its normalisation, a generator as the manual's and train_on_batch
stock     gener. with Keras' own Conv2D, Conv2DTranspose and PReLU where the package has its own
metrics   package, with psnr, dssim, rmse and mae reported in training
on ...    package on another Keras backend
/...      package's rate divided by that column's (median of the rounds' ratios)"""


def main() -> None:
    options, began = parse(), time.perf_counter()
    workers, missing = arms(options)
    describe(workers, missing, options)
    predictions = {}
    print(f"\n{'training':8}{'batch':>6}{header(workers)}")
    with tempfile.TemporaryDirectory() as folder:
        lr, hr = patches(max(PATCHES.values()) + TEST)
        relief = float(np.std(lr[..., 0] - local_mean(lr[..., 0])))
        np.savez(Path(folder) / "data.npz", lr=lr[:-TEST], hr=hr[:-TEST], test=lr[-TEST:])
        for name in options.networks:
            training, predictions[name] = compare(name, workers, Path(folder), relief, options)
            for batch, rates in training.items():
                print(f"{name:8}{batch:6}{row(rates, workers)}", flush=True)
    columns = [key for key in workers if key.startswith(("fit", "torch"))]
    print(f"\nprediction of {TEST} patches in one call\n{'':14}{header(columns)}")
    for name, rates in predictions.items():
        print(f"{name:14}{row(rates, columns)}")
    print(f"\n{(time.perf_counter() - began) / 60:.1f} minutes in all")
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
