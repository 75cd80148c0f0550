"""Worker processes that are kept alive between the rounds of a benchmark, one for each arm.

Parent and worker exchange one JSON line a call: ``{"call": method, ...arguments}`` and
``{"result": ...}`` or ``{"error": text}``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class Rounds:
    """What every arm answers; it brings `epoch` and `predict`."""

    threads = int(os.environ.get("OMP_NUM_THREADS", 2))

    def round(self, batch: int, seconds: float) -> float:
        """Train whole epochs until the time is up; patches a second."""
        start, done = time.perf_counter(), 0
        while not done or time.perf_counter() - start < seconds:
            self.epoch(batch)
            done += len(self.lr) // batch * batch
        return done / (time.perf_counter() - start)

    def predict_round(self) -> float:
        """Predict the test set once; patches a second."""
        start = time.perf_counter()
        self.predict()
        return len(self.test) / (time.perf_counter() - start)

    def output(self, path: str) -> None:
        """Keep a prediction of the test set for comparison."""
        np.save(path, self.predict())


def serve(arm) -> None:
    """Answer calls from standard input until it ends; everything else printed goes to standard error."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arm.threads])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        call = json.loads(line)
        try:
            answer = {"result": getattr(arm, call.pop("call"))(**call)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        print(json.dumps(answer), file=answers, flush=True)


class Worker:
    """The parent's end of one arm.

    Parameters
    ----------
    python : str
        Interpreter.
    script : str
        File beside this one, with its arguments.
    threads : int
    backend : str, optional
        Keras backend.
    """

    def __init__(self, python: str, *script: str, threads: int, backend: str = ""):
        here = Path(__file__).parent
        env = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONPATH": str(here.parent)}
        env |= {"KERAS_BACKEND": backend} if backend else {}
        self.name = " ".join((backend, *script)).strip()
        command = [python, str(here / script[0]), *script[1:]]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=env, text=True, **pipes)

    def send(self, call: str, **arguments) -> None:
        self.process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def ask(self, call: str, **arguments):
        self.send(call, **arguments)
        return self.receive()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def ask_all(workers, call: str, **arguments) -> list:
    """Ask several workers at the same time: for work that is not timed."""
    for worker in workers:
        worker.send(call, **arguments)
    return [worker.receive() for worker in workers]
