"""Where a training step's time goes on the CPU, and what was tried to shorten it.

    python benchmarks/train_tried.py

Each line is a process of its own, one change from what is shipped; milliseconds a step, medians.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
STEPS, ROUNDS = 80, 5
CASES = (("espcn", 32), ("fsrcnn", 16))
LINES = {
    "as shipped": {},
    "the same batch again and again (no data pipeline)": {"same": "1"},
    "network alone, without bicubic and local mean": {"bare": "1"},
    "forward pass and loss alone": {"forward": "1"},
    "ReLU for every PReLU": {"relu": "1"},
    "with psnr, dssim, rmse and mae": {"metrics": "1"},
    "steps_per_execution=8": {"execution": "8"},
    "XLA": {"xla": "1"},
    "one thread between operations": {"TF_NUM_INTEROP_THREADS": "1"},
    "Eigen's convolutions (oneDNN off)": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


def build(name: str, change: dict):
    """The compiled network, with one thing changed."""
    sys.path.insert(0, str(ROOT))
    from bathysr_nb import losses, metrics, models
    from bathysr_nb.backend import keras
    from bathysr_nb.models import fsrcnn
    from bathysr_nb.normalization import Normalisation

    if "relu" in change:
        fsrcnn.PReLU = lambda shared_axes, name: keras.layers.ReLU(name=name)
    norm = Normalisation(-3000, 0, 10.0)
    model = models.build_model(name, normalisation=None if "bare" in change else norm)
    model.compile(
        "adam",
        losses.get_loss("mae", norm),
        metrics=metrics.get_metrics(norm) if "metrics" in change else None,
        jit_compile="xla" in change,
        steps_per_execution=int(change.get("execution", 1)),
    )
    return model


def measure(name: str, batch: int, change: dict) -> float:
    """Milliseconds a step."""
    model = build(name, change)
    import numpy as np

    lr = np.random.default_rng(0).normal(-1500, 30, (STEPS * batch, 16, 16, 1)).astype("float32")
    hr = lr.repeat(4, 1).repeat(4, 2)
    if "same" in change:
        lr, hr = lr[:batch], hr[:batch]
    epochs = STEPS if "same" in change else 1

    def run() -> float:
        if "same" in change:
            from tensorflow import data

            pairs = data.Dataset.from_tensors((lr, hr)).repeat(epochs)
            began = time.perf_counter()
            model.fit(pairs, verbose=0)
        else:
            began = time.perf_counter()
            call = model.evaluate if "forward" in change else model.fit
            call(lr, hr, batch_size=batch, verbose=0, **({} if "forward" in change else {"shuffle": False}))
        return 1e3 * (time.perf_counter() - began) / STEPS

    run()
    return median(run() for _ in range(ROUNDS))


def main() -> None:
    print("python benchmarks/train_tried.py\n")
    print(
        f"Milliseconds a training step, {STEPS} steps a round, medians of {ROUNDS} rounds; Keras on TensorFlow, CPU.\n"
    )
    print(f"{'':52}" + "".join(f"{f'{name}, {batch}':>14}" for name, batch in CASES))
    for label, change in LINES.items():
        cells = []
        for name, batch in CASES:
            if "relu" in change and name != "fsrcnn":
                cells.append("-")
                continue
            command = [sys.executable, __file__, name, str(batch), *(f"{k}={v}" for k, v in change.items())]
            upper = {key: value for key, value in change.items() if key.isupper()}
            done = subprocess.run(command, env=os.environ | upper, capture_output=True, text=True, check=True)
            cells.append(f"{float(done.stdout):.2f}")
        print(f"{label:52}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], int(sys.argv[2]), dict(text.split("=") for text in sys.argv[3:])))
    else:
        main()
