"""Networks beside the methods that need none, on the same patches: scores, spectra, and each patch's measures.

Source: ours; goes beyond the manual's test.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb.files import project
from bathysr_nb.scores import baselines, spectrum, tables
from bathysr_nb.scores.tables import MANUAL_EDGES
from bathysr_nb.scores.terrain_measures import patch_measures

BATCH = 256  # patches whose enlargements are in memory at a time


class Ground(NamedTuple):
    """What is known of the test patches besides their depths.

    Attributes
    ----------
    slope : ndarray, shape (n,)
        MSG of the true patches.
    block : ndarray, shape (n,), or None
        Block of each patch; None: not known.
    delta : (float, float)
        HR cell size in metres.
    downsampling : {"bilinear", "area"}
        How LR was made from HR.
    """

    slope: np.ndarray
    block: np.ndarray | None
    delta: tuple[float, float]
    downsampling: str


class Evaluation(NamedTuple):
    """The results of an evaluation.

    Attributes
    ----------
    scores : DataFrame
        As `bathysr_nb.scores.tables.full_table`, with a column cells (inner, all).
    spectra : DataFrame
        As `bathysr_nb.scores.spectrum.spectra`.
    measures : dict of str to dict of str to DataFrame
        As `bathysr_nb.scores.terrain_measures.patch_measures`.
    """

    scores: pd.DataFrame
    spectra: pd.DataFrame
    measures: dict[str, dict[str, pd.DataFrame]]


def compare(
    lr: np.ndarray,
    hr: np.ndarray,
    estimates: dict[str, np.ndarray],
    ground: Ground,
    *,
    normalisation=None,
    linear=None,
    edges=MANUAL_EDGES,
) -> Evaluation:
    """Score estimates beside `bathysr_nb.scores.baselines.baseline_estimates`, a batch of patches at a time.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres.
    estimates : dict of str to ndarray, shape (n, H, W)
        Name of a network to its depths in metres.
    ground : Ground
        Of the pairs' patches.
    normalisation : bathysr_nb.models.normalisation.Normalisation, optional
        Its low and high are 0 and 1 for psnr and dssim, which are scored on all cells only; None leaves them out.
    linear : bathysr_nb.scores.linear.LinearFilter, optional
        The best linear filter of the training pairs.
    edges : sequence of float
        Inner edges of the slope bins.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If shapes do not fit each other, or patches have no inner cells.
    """
    measured, power = [], []
    for start in project.progress(range(0, len(lr), BATCH), "scores"):
        part = slice(start, start + BATCH)
        sides = baselines.baseline_estimates(lr[part], hr.shape[1] // lr.shape[1], linear)
        sides |= {name: sr[part] for name, sr in estimates.items()}
        measured.append(patch_measures(hr[part], sides, lr[part], ground.delta, ground.downsampling))
        if normalisation is not None:
            _add_psnr(measured[-1]["all"], hr[part], sides, normalisation)
        # weighted by its patches, for the last batch is smaller: the sum is the mean over all
        power.append(spectrum.spectra(hr[part], sides, ground.delta) * (len(hr[part]) / len(hr)))
    measures = {
        cells: {name: pd.concat([table[cells][name] for table in measured], ignore_index=True) for name in methods}
        for cells, methods in measured[0].items()
    }
    scores = {
        cells: tables.full_table(methods, ground.slope, ground.block, edges) for cells, methods in measures.items()
    }
    return Evaluation(pd.concat(scores, names=["cells"]).reset_index(level="cells"), sum(power), measures)


def _add_psnr(measures: dict[str, pd.DataFrame], hr: np.ndarray, sides: dict[str, np.ndarray], normalisation) -> None:
    scores = tables.patch_scores(hr[..., None], {name: sr[..., None] for name, sr in sides.items()}, normalisation)
    for method, table in measures.items():
        table["psnr"], table["dssim"] = scores[f"{method}_psnr"], scores[f"{method}_dssim"]
