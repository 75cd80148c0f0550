"""Put augmentations on trial: the same network, budget and seeds on the training set of each arm.

The steep part of a grid is the target. Half of its blocks steers, with their LR alone; the other half is
scored. Every arm has as many pairs and optimiser steps; the weights of the last step are scored.

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
#: All that is written into save_dir.
WRITTEN = (RECORD, "ablation.csv", "ablation.md", "ablation.png", "scores", "trainings")


class Job(NamedTuple):
    """One training."""

    model: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.model}-{self.arm}-{self.seed}"


class Areas(NamedTuple):
    """Who learns and who judges; pairs are (LR, HR) in metres.

    Attributes
    ----------
    source, validation : (ndarray, ndarray)
        Gentle blocks, to train on and to watch.
    reference, scored : (ndarray, ndarray)
        Steep blocks, to steer and to score.
    table : DataFrame
        Of the scored pairs: block, mean_slope_gradient (HR).
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
    """Cut the grid into pairs and deal its blocks: the gentle ones learn, the steep ones judge."""
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


def training_set(ablation: Ablation, arm: str, seed: int) -> training_sets.TrainingSet:
    """The pairs of one arm: `increase_rate` times as many as the source has, whatever the arm."""
    area = areas(ablation)
    return training_sets.make(
        arm,
        *area.source,
        area.delta,
        area.reference[0],
        round(ablation.increase_rate * len(area.source[0])),
        seed,
        reference=area.reference,
        share=ablation.originals_share,
        **{name: getattr(ablation, name) for name in planning.SETTINGS},
    )


def run_job(ablation: Ablation, job: Job) -> tuple[pd.DataFrame, dict]:
    """Train one network on one arm's set and score the weights of its last step.

    Returns
    -------
    (DataFrame, dict)
        Squared error of each scored patch (m2): all cells, inner cells; and about the training set:
        pairs, steps, originals (different ones that take part), distance (Wasserstein, of its LR slopes to
        those of the target's reference half).
    """
    from bathysr_nb.models.normalisation import Normalisation
    from bathysr_nb.models.prediction import predict
    from bathysr_nb.training.recipe import Recipe
    from bathysr_nb.training.trainer import train

    area, residual = areas(ablation), ablation.residual is not None
    made = training_set(ablation, job.arm, job.seed)
    units = Normalisation.fit(*_channel(area.source), residual, ablation.norm_range)
    keys = ("steps", "batch_size", "learning_rate", "schedule", "optimizer", "loss")
    recipe = Recipe(turn=False, keep="last", seed=job.seed, **{key: getattr(ablation, key) for key in keys})
    trained = train(
        job.model,
        _channel((made.lr, made.hr)),
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
    slopes = [terrain.mean_slope_gradient(side.astype(float), area.delta) for side in (made.lr, area.reference[0])]
    about = {
        "pairs": len(made.pairs),
        "steps": len(trained.history) * (len(made.pairs) // ablation.batch_size),
        "originals": len(set(made.pairs["high"]) | set(made.pairs["low"])),
        "distance": float(wasserstein_distance(*slopes)),
    }
    return errors(hr, sr, ablation.scale), about


def errors(truth: np.ndarray, estimate: np.ndarray, scale: int) -> pd.DataFrame:
    """Squared error of each patch (m2), over all cells and over the inner ones."""
    return pd.DataFrame(
        {name: tables.squared_error(truth, estimate, rim) for name, rim in (("all", 0), ("inner", RIM * scale))}
    )


def run(ablation: Ablation, workers: int | str | None = None, force: bool = False) -> None:
    """Train every network on every arm with every seed, and keep the errors of each in save_dir.

    Finished trainings are kept and not repeated: a call that was stopped goes on, and more arms, networks
    or seeds can be asked for later.

    Parameters
    ----------
    ablation : Ablation
    workers : int or str, optional
        Processes of this machine, or the address of a dask scheduler; None trains one after
        another in this process.
    force : bool
        Delete what an earlier ablation wrote into save_dir.

    Raises
    ------
    ValueError
        If the grid cannot be cut as asked; if save_dir holds an ablation of another grid or with other settings.
    FileExistsError
        If save_dir holds files of the same names that no ablation made.
    """
    _prepare(ablation, force)
    todo = [job for job in jobs(ablation) if not score_file(ablation, job, ".json").exists()]
    with project.progress(todo, "trainings") as bar:
        for job, (table, about) in _results(ablation, todo, workers):
            store.write_text(score_file(ablation, job, ".csv"), table.to_csv(index=False), overwrite=True)
            store.write_text(score_file(ablation, job, ".json"), json.dumps(about), overwrite=True)
            bar.update()


def jobs(ablation: Ablation) -> list[Job]:
    """All trainings: of each seed those of all arms, so that a part is comparable early."""
    return [Job(m, a, s) for m, s, a in itertools.product(ablation.models, ablation.seeds, ablation.arms)]


def score_file(ablation: Ablation, job: Job, suffix: str) -> Path:
    """Where a training's errors (.csv) and figures (.json, written last) are kept."""
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
    """A scheduler that is there already, or one of our own that shares the cores among its processes."""
    from dask.distributed import Client

    if isinstance(workers, str):
        return Client(workers)
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shared = dict.fromkeys(names, threads)
    return Client(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR, env=shared
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
