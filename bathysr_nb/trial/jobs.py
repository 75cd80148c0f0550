"""Run the trainings of a trial: the same network, budget and seeds on the training set of each arm.

The steep blocks of a grid are the target. Half of them steer, by their LR alone; the other half is scored.
Every arm has the same number of pairs and of optimiser steps; the weights of the last step are scored.

Source: ours; the question is that of Murakami et al. 2025.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from bathysr_nb import terrain
from bathysr_nb.files import project, store
from bathysr_nb.files.record import differences
from bathysr_nb.interpolation import enlarge
from bathysr_nb.mixup import planning
from bathysr_nb.scores import consistency, tables
from bathysr_nb.scores.terrain_measures import RIM
from bathysr_nb.trial import training_sets
from bathysr_nb.trial.areas import cut_areas, scored_half
from bathysr_nb.trial.forms import FORMS, in_form, patch_mean, units
from bathysr_nb.trial.settings import Ablation

RECORD = "ablation.json"
#: Everything that a trial writes into save_dir.
WRITTEN = (RECORD, "ablation.csv", "why.csv", "ablation.md", "ablation.png", "ladder.png", "scores", "trainings")
#: How an estimate is scored: the columns of `errors` end in these.
AS_IT_IS, BACK_PROJECTED = "", "_back_projected"
PROBE = 30  # steps timed before a trial starts
DIGITS = "%.5g"  # of errors in files


class Job(NamedTuple):
    """One training."""

    model: str
    form: str
    steps: int
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """What its files are named."""
        return f"{self.model}-{self.form}-{self.steps}-{self.arm}-{self.seed}"


def arm_training_set(ablation: Ablation, arm: str, seed: int) -> training_sets.TrainingSet:
    """The pairs of one arm: for every arm `increase_rate` times as many as the source has.

    Parameters
    ----------
    ablation : Ablation
    arm : str
        One of `bathysr_nb.trial.training_sets.ARMS`.
    seed : int
        Also says which half of the steep blocks steers.

    Returns
    -------
    TrainingSet
    """
    area = cut_areas(ablation)
    steering = area.halves[1 - scored_half(ablation, seed)]
    return training_sets.make_training_set(
        arm,
        *area.source,
        delta=area.delta,
        target_lr=steering.lr,
        total=round(ablation.increase_rate * len(area.source[0])),
        seed=seed,
        reference=(steering.lr, steering.hr),
        share=ablation.originals_share,
        **{name: getattr(ablation, name) for name in planning.SETTINGS},
    )


def run_job(ablation: Ablation, job: Job) -> tuple[pd.DataFrame, dict]:
    """Train one network on one arm's training set and score the weights of its last step.

    Parameters
    ----------
    ablation : Ablation
    job : Job

    Returns
    -------
    (DataFrame, dict)
        As `errors`, of the scored patches; and about the training: pairs, steps, originals (how many
        different ones it contains), distance (Wasserstein, between its LR slopes and those of the
        steering half), unscaled (see `unscaled`).
    """
    from bathysr_nb.models.prediction import predict
    from bathysr_nb.training.trainer import train

    area, form = cut_areas(ablation), FORMS[job.form]
    arm = arm_training_set(ablation, job.arm, job.seed)
    norm = units(area.source, job.form, ablation.norm_range)
    trained = train(
        job.model,
        in_form((arm.lr, arm.hr), job.form),
        in_form(area.validation, job.form),
        ablation.save_dir / "trainings" / job.name,
        recipe(ablation, job),
        scale=ablation.scale,
        residual=form.residual,
        relief=norm.relief,
        norm_range=(norm.low, norm.high),
        cell_size=area.delta,
        resume=True,
        bias=form.bias,
    )

    def network(lr: np.ndarray) -> np.ndarray:
        mean = patch_mean(lr, job.form)
        return predict(trained.model, (lr - mean)[..., None], job.model)[..., 0] + mean

    half = scored_half(ablation, job.seed)
    scored, steering = area.halves[half], area.halves[1 - half]
    slopes = [terrain.mean_slope_gradient(lr.astype(float), area.delta) for lr in (arm.lr, steering.lr)]
    about = {
        "pairs": len(arm.pairs),
        "steps": len(trained.history) * (len(arm.pairs) // ablation.batch_size),
        "originals": len(set(arm.pairs["high"]) | set(arm.pairs["low"])),
        "distance": float(wasserstein_distance(*slopes)),
        "unscaled": unscaled(network, scored.lr, ablation.scale),
    }
    return errors(scored.hr, network(scored.lr), scored.lr), about


def recipe(ablation: Ablation, job: Job):
    """How a job is trained.

    Parameters
    ----------
    ablation : Ablation
    job : Job

    Returns
    -------
    bathysr_nb.training.recipe.Recipe
    """
    from bathysr_nb.training.recipe import Recipe

    keys = ("batch_size", "learning_rate", "schedule", "optimizer", "xla")
    asked = {key: getattr(ablation, key) for key in keys}
    loss = ablation.loss or FORMS[job.form].loss
    return Recipe(loss=loss, turn=False, keep="last", seed=job.seed, steps=job.steps, **asked)


def errors(truth: np.ndarray, estimate: np.ndarray, lr: np.ndarray) -> pd.DataFrame:
    """Squared error of each patch, over all cells and over the inner ones, as it is and after one back-projection.

    Parameters
    ----------
    truth, estimate : ndarray, shape (n, H, W)
        Metres.
    lr : ndarray, shape (n, h, w)
        What the estimate was made from, metres.

    Returns
    -------
    DataFrame
        Columns all, inner, all_back_projected, inner_back_projected, m2; inner leaves out two LR cells on every side.
    """
    scale = truth.shape[1] // lr.shape[1]
    estimates = {AS_IT_IS: estimate, BACK_PROJECTED: consistency.back_project(estimate, lr)}
    return pd.DataFrame(
        {
            cells + after: tables.squared_error(truth, sr, rim)
            for after, sr in estimates.items()
            for cells, rim in (("all", 0), ("inner", RIM * scale))
        }
    )


def unscaled(network, lr: np.ndarray, scale: int) -> float:
    """How far a network is from treating ground of twice the relief as twice the ground.

    The relief about each patch's mean is doubled. What the network adds to bicubic should double with it; the departure
    is given as a share of what should have come out.

    Parameters
    ----------
    network : callable
        Takes LR patches (n, h, w) to SR patches (n, H, W), metres.
    lr : ndarray, shape (n, h, w)
        Metres.
    scale : int

    Returns
    -------
    float
        RMS of the departure / RMS of twice what the network adds to bicubic; 0 for a network that scales with its
        input.

    Examples
    --------
    >>> lr = np.random.default_rng(0).normal(size=(2, 8, 8))
    >>> round(unscaled(lambda lr: 1.1 * enlarge(lr, 4), lr - lr.mean((1, 2), keepdims=True), 4), 6)
    0.0
    """
    mean = lr.mean(axis=(1, 2), keepdims=True)
    doubled = mean + 2 * (lr - mean)
    once, twice = (network(x) - enlarge(x, scale) for x in (lr, doubled))
    return float(
        np.sqrt(np.mean((twice - 2 * once) ** 2, dtype=np.float64) / np.mean((2 * once) ** 2, dtype=np.float64))
    )


def run_trial(
    ablation: Ablation, workers: int | str | None = None, force: bool = False, hours: float | None = None
) -> None:
    """Train every network on every arm with every seed, and keep the errors of each training in save_dir.

    Finished trainings are not repeated: a trial that was stopped resumes, and arms, networks, forms, lengths or seeds
    can be added later. How long the rest takes is measured and printed first.

    Parameters
    ----------
    ablation : Ablation
    workers : int or str, optional
        Number of processes on this machine, or the address of a dask scheduler; None trains one after
        the other in this process.
    force : bool
        Delete an earlier trial's files from save_dir first.
    hours : float, optional
        Start only as many trainings, in their order, as will take this long; 0 starts none. None: all.

    Raises
    ------
    ValueError
        If the grid cannot be cut as asked; if save_dir holds a trial of another grid or with other settings.
    FileExistsError
        If save_dir holds files of the same names that no trial made.
    """
    _prepare(ablation, force)
    todo = [job for job in all_jobs(ablation) if not is_finished(ablation, job)]
    todo = _within(ablation, todo, hours) if todo and hours != 0 else []
    bar = project.progress_bar()(total=sum(job.steps for job in todo), desc="steps", leave=False, disable=None)
    with bar:
        for job, (table, about) in _results(ablation, todo, workers):
            text = table.to_csv(index=False, float_format=DIGITS)
            store.write_text(score_file(ablation, job, ".csv"), text, overwrite=True)
            store.write_text(score_file(ablation, job, ".json"), json.dumps(about), overwrite=True)
            bar.update(job.steps)


def all_jobs(ablation: Ablation) -> list[Job]:
    """All trainings, seed by seed and short ones first, so that arms can be compared early."""
    a = ablation
    ordered = itertools.product(a.seeds, a.steps, a.models, a.form, a.arms)
    return [Job(model, form, steps, arm, seed) for seed, steps, model, form, arm in ordered]


def finished_jobs(ablation: Ablation) -> list[Job]:
    """The trainings of `all_jobs` whose errors are in save_dir."""
    return [job for job in all_jobs(ablation) if is_finished(ablation, job)]


def is_finished(ablation: Ablation, job: Job) -> bool:
    """Whether a training's errors are in save_dir.

    Parameters
    ----------
    ablation : Ablation
    job : Job
    """
    return score_file(ablation, job, ".json").exists()


def score_file(ablation: Ablation, job: Job, suffix: str) -> Path:
    """The file of a training's errors (suffix .csv) or of what is known about it (.json, written last).

    Parameters
    ----------
    ablation : Ablation
    job : Job
    suffix : {".csv", ".json"}
    """
    return ablation.save_dir / "scores" / (job.name + suffix)


def _within(ablation: Ablation, todo: list[Job], hours: float | None) -> list[Job]:
    """As many trainings, in their order, as will end within some hours; prints how long they will take."""
    speed = {model: seconds_per_step(ablation, model) for model in {job.model for job in todo}}
    ends = np.cumsum([job.steps * speed[job.model] for job in todo]) / 3600
    chosen = todo if hours is None else todo[: np.searchsorted(ends, hours, side="right")]
    done = len(all_jobs(ablation)) - len(todo)
    takes = f"{60 * ends[-1]:.0f} minutes" if ends[-1] < 2 else f"{ends[-1]:.1f} hours"
    print(f"{done} of {done + len(todo)} trainings are done; the other {len(todo)} take about {takes} here", flush=True)
    if len(chosen) < len(todo):
        print(f"within {hours:g} hours: {len(chosen)} of them", flush=True)
    return chosen


def seconds_per_step(ablation: Ablation, model: str) -> float:
    """Seconds that a network's training step takes on this machine, measured on the grid's own patches.

    Parameters
    ----------
    ablation : Ablation
    model : str

    Returns
    -------
    float
        The median over `PROBE` steps.
    """
    from bathysr_nb.models.build import build_model
    from bathysr_nb.training.trainer import compile_model

    form = ablation.form[0]
    source = cut_areas(ablation).source
    lr, hr = (side[: ablation.batch_size] for side in in_form(source, form))
    norm = units(source, form, ablation.norm_range)
    network = build_model(model, lr.shape[1:], ablation.scale, norm, bias=FORMS[form].bias)
    compile_model(network, recipe(ablation, Job(model, form, PROBE, ablation.arms[0], 0)), norm, PROBE)
    seconds = []
    for _ in range(PROBE):
        start = time.perf_counter()
        network.train_on_batch(lr, hr)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _results(ablation: Ablation, todo: list[Job], workers) -> Iterator[tuple[Job, tuple[pd.DataFrame, dict]]]:
    if workers is None or not todo:
        for job in todo:
            yield job, run_job(ablation, job)
        return
    from dask.distributed import as_completed

    with _client(workers) as client:
        asked = {client.submit(run_job, ablation, job, pure=False): job for job in todo}
        for future in as_completed(asked):
            yield asked[future], future.result()


def _client(workers: int | str):
    """A client of a running scheduler, or of a new one whose processes share the cores."""
    from dask.distributed import Client

    if isinstance(workers, str):
        return Client(workers)
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    environment = dict.fromkeys(names, threads)
    return Client(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR, env=environment
    )


def _prepare(ablation: Ablation, force: bool) -> None:
    """Make the folder, or see that what is in it is of the same ablation."""
    folder = ablation.save_dir
    cut_areas(ablation)  # what cannot be cut leaves nothing behind
    record = {"parameters": ablation.fixed, "grid": store.checksum(ablation.grid)}
    record = json.loads(json.dumps(record))
    if not (folder / RECORD).exists():  # other files may lie there, but none by a name that an ablation would replace
        store.refuse_foreign(folder, lambda name: name.split("/")[0] not in WRITTEN, "ablation")
    if force:
        for name in WRITTEN:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if (folder / RECORD).exists():
        before = json.loads((folder / RECORD).read_text())
        recorded, now = (one["parameters"] | {"contents of grid": one["grid"]} for one in (before, record))
        if other := differences(recorded, now):
            raise ValueError(
                f"{folder}: holds an ablation with other settings: {other}; choose another save_dir, or delete it "
                "with --force"
            )
    (folder / "scores").mkdir(parents=True, exist_ok=True)
    store.write_text(folder / RECORD, json.dumps(record, indent=2), overwrite=True)
