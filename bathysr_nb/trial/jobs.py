"""Run the trainings of a trial: the same network, budget and seeds on the training set of each arm.

The steep blocks of a grid are the target. Half of them steer, by their LR alone; the other half is scored.
Every arm has the same number of pairs and of optimiser steps; the weights of the last step are scored.

Source: ours; the question is that of Murakami et al. 2025.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from bathysr_nb import grids, terrain
from bathysr_nb.files import project, store
from bathysr_nb.files.record import differences
from bathysr_nb.mixup import planning
from bathysr_nb.pairs import blocks, gaps
from bathysr_nb.scores import tables
from bathysr_nb.scores.terrain_measures import RIM
from bathysr_nb.trial import training_sets
from bathysr_nb.trial.settings import Ablation

RECORD = "ablation.json"
#: Everything that a trial writes into save_dir.
WRITTEN = (RECORD, "ablation.csv", "ablation.md", "ablation.png", "scores", "trainings")


class Job(NamedTuple):
    """One training."""

    model: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """What its files are named."""
        return f"{self.model}-{self.arm}-{self.seed}"


class Areas(NamedTuple):
    """The parts of a grid; each is (LR, HR) in metres.

    Attributes
    ----------
    source, validation : (ndarray, ndarray)
        Gentle blocks: to train on, and to follow the training with.
    reference, scored : (ndarray, ndarray)
        Steep blocks: to steer the training set by, and to score on.
    table : DataFrame
        Block and mean_slope_gradient (HR) of each scored pair.
    delta : (float, float)
        LR cell size in metres.
    """

    source: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    reference: tuple[np.ndarray, np.ndarray]
    scored: tuple[np.ndarray, np.ndarray]
    table: pd.DataFrame
    delta: tuple[float, float]


@functools.lru_cache(1)
def areas(ablation: Ablation) -> Areas:
    """Cut the grid into pairs: gentle blocks for training, steep ones for steering and scoring."""
    grid = grids.read_grid(ablation.grid)
    window = (ablation.kernel_size,) * 2 if ablation.kernel_size else None
    cell = grid.attrs["cell_size"]
    depth = gaps.ocean(grid.values, window)
    lr, hr, table = blocks.build_pairs(
        depth,
        cell,
        ablation.block_cells,
        hr_img_shape=(ablation.patch_cells,) * 2,
        hr_stride=(ablation.stride,) * 2,
        scale=ablation.scale,
    )
    delta = tuple(ablation.scale * d for d in cell)
    slope = terrain.mean_slope_gradient(lr.astype(float), delta)
    gentle, steep = blocks.source_and_target(table["block"], slope, ablation.source_share)
    rng = np.random.default_rng(ablation.split_seed)
    learn, watch, _ = (gentle[part] for part in blocks.split_blocks(len(gentle), ablation.validation_size, 0, rng))
    steep = rng.permutation(steep)
    parts = (learn, watch, steep[: len(steep) // 2], steep[len(steep) // 2 :])
    chosen = [table["block"].isin(part).to_numpy() for part in parts]
    truth = hr[chosen[3]]
    judged = table.loc[chosen[3], ["block"]].reset_index(drop=True)
    judged["mean_slope_gradient"] = terrain.mean_slope_gradient(truth.astype(float), cell)
    return Areas(*((lr[part], hr[part]) for part in chosen), judged, delta)


def arm_training_set(ablation: Ablation, arm: str, seed: int) -> training_sets.TrainingSet:
    """The pairs of one arm: for every arm `increase_rate` times as many as the source has.

    Parameters
    ----------
    ablation : Ablation
    arm : str
        One of `bathysr_nb.trial.training_sets.ARMS`.
    seed : int

    Returns
    -------
    TrainingSet
    """
    area = areas(ablation)
    return training_sets.make_training_set(
        arm,
        *area.source,
        delta=area.delta,
        target_lr=area.reference[0],
        total=round(ablation.increase_rate * len(area.source[0])),
        seed=seed,
        reference=area.reference,
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
        As `errors`, of the scored patches; and about the training set: pairs, steps, originals (how many
        different ones it contains), distance (Wasserstein, between its LR slopes and those of the target's
        steering half).
    """
    from bathysr_nb.models.normalisation import Normalisation
    from bathysr_nb.models.prediction import predict
    from bathysr_nb.training.recipe import Recipe
    from bathysr_nb.training.trainer import train

    area, residual = areas(ablation), ablation.residual is not None
    arm = arm_training_set(ablation, job.arm, job.seed)
    units = Normalisation.fit(*_channel(area.source), residual, ablation.norm_range)
    keys = ("steps", "batch_size", "learning_rate", "schedule", "optimizer", "loss")
    recipe = Recipe(turn=False, keep="last", seed=job.seed, **{key: getattr(ablation, key) for key in keys})
    trained = train(
        job.model,
        _channel((arm.lr, arm.hr)),
        _channel(area.validation),
        ablation.save_dir / "trainings" / job.name,
        recipe,
        scale=ablation.scale,
        residual=residual,
        relief=units.relief,
        norm_range=(units.low, units.high),
        cell_size=area.delta,
        resume=True,
        bias=ablation.bias,
    )
    lr, hr = area.scored
    sr = predict(trained.model, lr[..., None], job.model)[..., 0]
    slopes = [terrain.mean_slope_gradient(side.astype(float), area.delta) for side in (arm.lr, area.reference[0])]
    about = {
        "pairs": len(arm.pairs),
        "steps": len(trained.history) * (len(arm.pairs) // ablation.batch_size),
        "originals": len(set(arm.pairs["high"]) | set(arm.pairs["low"])),
        "distance": float(wasserstein_distance(*slopes)),
    }
    return errors(hr, sr, ablation.scale), about


def errors(truth: np.ndarray, estimate: np.ndarray, scale: int) -> pd.DataFrame:
    """Squared error of each patch, over all cells and over the inner ones.

    Parameters
    ----------
    truth, estimate : ndarray, shape (n, H, W)
        Metres.
    scale : int
        HR cells per LR cell along an axis.

    Returns
    -------
    DataFrame
        Columns all and inner, m2; inner leaves out two LR cells on every side.
    """
    return pd.DataFrame(
        {name: tables.squared_error(truth, estimate, rim) for name, rim in (("all", 0), ("inner", RIM * scale))}
    )


def run_trial(ablation: Ablation, workers: int | str | None = None, force: bool = False) -> None:
    """Train every network on every arm with every seed, and keep the errors of each training in save_dir.

    Finished trainings are not repeated: a trial that was stopped resumes, and arms, networks or seeds can be
    added later.

    Parameters
    ----------
    ablation : Ablation
    workers : int or str, optional
        Number of processes on this machine, or the address of a dask scheduler; None trains one after
        the other in this process.
    force : bool
        Delete an earlier trial's files from save_dir first.

    Raises
    ------
    ValueError
        If the grid cannot be cut as asked; if save_dir holds a trial of another grid or with other settings.
    FileExistsError
        If save_dir holds files of the same names that no trial made.
    """
    _prepare(ablation, force)
    todo = [job for job in all_jobs(ablation) if not score_file(ablation, job, ".json").exists()]
    with project.progress(todo, "trainings") as bar:
        for job, (table, about) in _results(ablation, todo, workers):
            store.write_text(score_file(ablation, job, ".csv"), table.to_csv(index=False), overwrite=True)
            store.write_text(score_file(ablation, job, ".json"), json.dumps(about), overwrite=True)
            bar.update()


def all_jobs(ablation: Ablation) -> list[Job]:
    """All trainings, seed by seed, so that all arms can be compared after the first seed."""
    return [Job(m, a, s) for m, s, a in itertools.product(ablation.models, ablation.seeds, ablation.arms)]


def score_file(ablation: Ablation, job: Job, suffix: str) -> Path:
    """The file of a training's errors (suffix .csv) or of what is known about it (.json, written last).

    Parameters
    ----------
    ablation : Ablation
    job : Job
    suffix : {".csv", ".json"}
    """
    return ablation.save_dir / "scores" / (job.name + suffix)


def _results(ablation: Ablation, todo: list[Job], workers) -> Iterator[tuple[Job, tuple[pd.DataFrame, dict]]]:
    if workers is None:
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
    areas(ablation)  # what cannot be cut leaves nothing behind
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


def _channel(pair) -> tuple[np.ndarray, ...]:
    return tuple(side[..., None] for side in pair)
