"""Where a training step's time goes on the CPU, and what was tried to shorten it.

    python benchmarks/train_tried.py

Each line is a process of its own with one change from the first; rounds take turns.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

from workers import Worker, ask_all, serve

STEPS, ROUNDS = 80, 5
FIRST = "the package's loop, loss alone"
CASES = (("espcn", 32), ("fsrcnn", 16))
LINES = {
    FIRST: "",
    "model.fit, batches from a PyDataset": "fit=1",
    "model.fit, steps_per_execution=8": "fit=8",
    "the same batch again and again": "same=1",
    "without bicubic and local mean": "bare=1",
    "forward pass and loss alone": "forward=1",
    "ReLU for every PReLU": "relu=1",
    "with psnr, dssim, rmse, mae, as `train`": "metrics=1",
    "XLA": "xla=1",
    "one thread between operations": "TF_NUM_INTEROP_THREADS=1",
    "Eigen's convolutions (oneDNN off)": "TF_ENABLE_ONEDNN_OPTS=0",
}


class Tried:
    """One change; see `workers.serve`."""

    threads = 2

    def __init__(self, change: str):
        self.change = dict([change.split("=")] if change else [])
        os.environ.update({name: value for name, value in self.change.items() if name.isupper()})

    def start(self, name: str, batch: int) -> None:
        """Build and compile a network, and its training patches."""
        import numpy as np

        from bathysr_nb import models
        from bathysr_nb.models import build
        from bathysr_nb.models.backend import keras
        from bathysr_nb.models.normalisation import Normalisation
        from bathysr_nb.scores import metrics
        from bathysr_nb.training import losses
        from bathysr_nb.training.batches import Batches

        if "relu" in self.change:
            build.fsrcnn.PReLU = lambda shared_axes, name: keras.layers.ReLU(name=name)
        norm = Normalisation(-3000, 0, 10.0)
        self.model = models.build_model(name, normalisation=None if "bare" in self.change else norm)
        self.model.compile(
            "adam",
            losses.get_loss("mae", norm),
            metrics=metrics.get_metrics(norm) if "metrics" in self.change else None,
            jit_compile="xla" in self.change,
            steps_per_execution=int(self.change.get("fit", 1)),
        )
        lr = np.random.default_rng(0).normal(-1500, 30, (STEPS * batch, 16, 16, 1)).astype("float32")
        self.data = Batches(lr, lr.repeat(4, 1).repeat(4, 2), batch, turn=False, seed=0)

    def round(self) -> float:
        """Milliseconds a step of one epoch."""
        began = time.perf_counter()
        self._epoch()
        return 1e3 * (time.perf_counter() - began) / STEPS

    def _epoch(self) -> None:
        from bathysr_nb.models.backend import keras
        from bathysr_nb.training.loop import train_epoch

        if "fit" in self.change:
            self.model.fit(as_dataset(self.data), shuffle=False, verbose=0)
        elif "same" in self.change:
            batch = next(self.data.epoch(0))
            for _ in range(STEPS):
                self.model.train_on_batch(*batch)
        elif "forward" in self.change:
            for batch in self.data.epoch(0):
                self.model.test_on_batch(*batch)
        else:
            train_epoch(self.model, self.data, 0, keras.callbacks.CallbackList(model=self.model))


def as_dataset(data):
    """The batches as Keras' own pipeline takes them."""
    from bathysr_nb.models.backend import keras

    class Dataset(keras.utils.PyDataset):
        batches = list(data.epoch(0))

        def __len__(self):
            return len(self.batches)

        def __getitem__(self, i):
            return self.batches[i]

    return Dataset(workers=2)


def compare(name: str, batch: int) -> dict[str, float]:
    """Milliseconds a step of each line, medians of rounds in turn."""
    workers = {label: Worker(sys.executable, "train_tried.py", change, threads=2) for label, change in LINES.items()}
    ask_all(workers.values(), "start", name=name, batch=batch)
    ask_all(workers.values(), "round")
    rounds = [{label: worker.ask("round") for label, worker in workers.items()} for _ in range(ROUNDS)]
    for worker in workers.values():
        worker.close()
    return {label: median(times[label] for times in rounds) for label in LINES}


def main() -> None:
    print("python benchmarks/train_tried.py\n")
    print(f"Milliseconds a training step on 2 threads, Keras on TensorFlow; medians of {ROUNDS} rounds, each an epoch")
    print(f"of {STEPS} steps with what its beginning and end cost: the more steps an epoch has, the less `fit` loses.")
    print("A line's ratio is its time divided by that of the first line.\n")
    print(f"{'':42}" + "".join(f"{f'{name}, batch {batch}':>20}{'ratio':>7}" for name, batch in CASES))
    times = [compare(*case) for case in CASES]
    for label in LINES:
        cells = [f"{case[label]:20.1f}{case[label] / case[FIRST]:7.2f}" for case in times]
        print(f"{label:42}" + "".join(cells))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Tried(sys.argv[1]))
    else:
        main()
