"""Evaluate a trained network on its test set: scores beside interpolation, spectra, and maps of invented detail.

Source: ours, beyond the manual's test (`bathysr_nb.manual.testing`).
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bathysr_nb import interpolation
from bathysr_nb.files import store
from bathysr_nb.manual import sets, trained
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.manual.sets import LoadedPairs, load_set
from bathysr_nb.models import prediction
from bathysr_nb.pairs.downsampling import downsampling_of
from bathysr_nb.pairs.features import spacing
from bathysr_nb.scores import plots as score_plots
from bathysr_nb.scores.comparison import Evaluation, Ground, compare
from bathysr_nb.scores.linear import LinearFilter
from bathysr_nb.scores.page import evaluation_page
from bathysr_nb.scores.tables import MANUAL_EDGES
from bathysr_nb.scores.terrain_measures import RIM, detail_beyond_bicubic, invented
from bathysr_nb.terrain import mean_slope_gradient

FOLDER = "evaluation"
MADE = re.compile(r"scores\.(csv|md)|spectrum\.(csv|png)|errors\.png|invented\.png")  # the files that are written
INVENTED_PATCHES = 4  # in invented.png


def evaluate_params(
    params: Params, weights=None, overwrite: bool = False, edges=MANUAL_EDGES
) -> tuple[Evaluation, Ground]:
    """Score an input file's network beside interpolation, and write ``log_dir/evaluation``, completely or not at all.

    Parameters
    ----------
    params : Params
        An input file, see `bathysr_nb.manual.inputfile.load_params`.
    weights : path, optional
        See `bathysr_nb.manual.trained.find_weights`.
    overwrite : bool
        Replace an existing evaluation.
    edges : sequence of float
        Inner edges of the slope bins.

    Returns
    -------
    (Evaluation, Ground)
        Written are: scores.csv, the evaluation's scores; scores.md, the verdict, tables and how
        to read them; spectrum.csv and spectrum.png; errors.png, where the network gains and loses;
        invented.png, where it shows detail that does not exist.

    Raises
    ------
    FileExistsError
        If there is an evaluation and `overwrite` is false, or the folder holds other files.
    FileNotFoundError, ValueError
        As `bathysr_nb.manual.testing.test`; the test set needs its truth.

    Warns
    -----
    UserWarning
        What is unknown and what is assumed instead.
    """
    folder = params.log_dir / FOLDER
    store.refuse_foreign(folder, MADE.fullmatch, "evaluation")
    pairs = sets.test_set(params)
    model, normalisation = trained.load_network(params, weights)
    with store.replacing_folder(folder, overwrite) as part:
        ground = survey(params.data_dir / "test" / "data_HR.pkl", pairs)
        sr = prediction.predict(model, pairs.lr, params.model)[..., 0]
        sides = (pairs.lr[..., 0], pairs.hr[..., 0], {params.model: sr})
        found = compare(*sides, ground, normalisation=normalisation, linear=training_filter(params), edges=edges)
        store.write_text(part / "scores.csv", found.scores.to_csv(index=False))
        store.write_text(part / "spectrum.csv", found.spectra.to_csv())
        store.write_text(part / "scores.md", evaluation_page(found, ground, params.model, edges))
        for name, figure in _figures(pairs, sr, found, ground, params.model).items():
            figure.savefig(part / f"{name}.png", dpi=110)
    return found, ground


def survey(truth: Path, pairs: LoadedPairs) -> Ground:
    """Find slopes, blocks, cell size and downsampling of a test set from the files beside it.

    Parameters
    ----------
    truth : path
        Its HR patches. Slopes are from ``data_HR.csv`` (see `bathysr_nb.manual.sets.true_slopes`), blocks and cell
        size from ``patches.csv``; without it the cell size is deduced from the slopes.
    pairs : LoadedPairs
        The test set, read from it.

    Returns
    -------
    Ground

    Raises
    ------
    FileNotFoundError, ValueError
        If the slopes are unknown, see there.

    Warns
    -----
    UserWarning
        If blocks are unknown; if LR was made from HR by no known downsampling, so that bilinear is assumed.
    """
    lr, hr = pairs.lr[..., 0], pairs.hr[..., 0]
    slope, table = sets.true_slopes(truth, pairs), truth.with_name("patches.csv")
    if table.is_file():
        block, delta = sets.patch_blocks(truth, pairs.kept), spacing(truth, hr.shape[1])
    else:
        ratio = mean_slope_gradient(hr.astype(np.float64), 1) / np.where(slope > 0, slope, np.nan)
        block, delta = None, (float(np.nanmedian(ratio)),) * 2
        cells = f"the cell size is {delta[0]:.4g} m, deduced from {truth.stem}.csv"
        warnings.warn(f"{table}: no such file; {cells}, and blocks are unknown: no intervals", stacklevel=2)
    downsampling = downsampling_of(lr[:100], hr[:100])
    if downsampling is None:
        warnings.warn(
            f"{truth.parent}: LR is neither the bilinear nor the area mean of HR; LR consistency assumes bilinear",
            stacklevel=2,
        )
    return Ground(slope, block, delta, downsampling or "bilinear")


def training_filter(params: Params) -> LinearFilter | None:
    """The best linear filter of an input file's training set; None, with a warning, if that set is missing."""
    shapes = {"scale": params.scale, "input_shape": params.input_shape}
    try:
        with warnings.catch_warnings(action="ignore"):  # the same warnings came when the network was trained
            train = load_set(params.data_dir / "train", params.train_data, **shapes)
    except FileNotFoundError as error:
        warnings.warn(f"{error}; the best linear filter is left out", stacklevel=2)
        return None
    return LinearFilter.fit(train.lr[..., 0], train.hr[..., 0])


def _figures(pairs: LoadedPairs, sr: np.ndarray, found: Evaluation, ground: Ground, name: str) -> dict[str, Figure]:
    cell = ground.delta[0]
    lr_nyquist = 1e3 * pairs.lr.shape[1] / (2 * pairs.hr.shape[1] * max(ground.delta))
    return {
        "spectrum": score_plots.spectra(found.spectra, lr_nyquist),
        "errors": score_plots.error_maps(_error_rows(pairs, sr, found, name), cell),
        "invented": score_plots.invented_maps(_invented_rows(pairs, sr, found, ground.block, name), name, cell),
    }


def _error_rows(pairs: LoadedPairs, sr: np.ndarray, found: Evaluation, name: str) -> dict:
    """The patches where a network gains and loses most against bicubic, and the median, for `error_maps`."""
    network, reference = (found.measures["all"][method]["squared"] for method in (name, "bicubic"))
    order, rows = np.argsort((network - reference).to_numpy()), {}
    for title, i in (("largest gain", order[0]), ("median", order[len(order) // 2]), ("largest loss", order[-1])):
        lr, hr = pairs.lr[i, ..., 0], pairs.hr[i, ..., 0]
        bicubic = interpolation.enlarge(lr, len(hr) // len(lr))
        rows[f"{title}, patch {pairs.kept[i]}"] = (hr, {"bicubic": bicubic - hr, name: sr[i] - hr})
    return rows


def _invented_rows(pairs: LoadedPairs, sr: np.ndarray, found: Evaluation, block, name: str) -> dict:
    """The patches with most invented detail, one per block, for `invented_maps`."""
    order = np.argsort(-found.measures["inner"][name]["invented"].to_numpy())
    if block is not None:
        order = order[~pd.Index(block[order]).duplicated()]  # patches of a block overlap
    rows, off = {}, RIM * pairs.hr.shape[1] // pairs.lr.shape[1]
    for i in order[:INVENTED_PATCHES]:
        lr, sides = pairs.lr[i, ..., 0], (pairs.hr[i, ..., 0], sr[i])
        shown = [*sides, *(detail_beyond_bicubic(h, lr) for h in sides)]
        title = f"patch {pairs.kept[i]}, inner cells"
        rows[title] = (*(field[off:-off, off:-off] for field in shown), invented(*sides, lr, RIM))
    return rows
