"""Evaluate a trained network on its test set: all scores beside the interpolators', spectra, and where it invents.

Source: ours, beyond the manual's test (`bathysr_nb.tester`).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bathysr_nb import interpolation, scoreplots, store, terrainscores, tester
from bathysr_nb.augment import downsampling_of
from bathysr_nb.comparison import Evaluation, Ground, compare
from bathysr_nb.evaluate import MANUAL_EDGES
from bathysr_nb.inputfile import Params
from bathysr_nb.linear import LinearFilter
from bathysr_nb.loader import Pairs, load_set, test_set
from bathysr_nb.scorepage import page
from bathysr_nb.terrain import mean_slope_gradient, spacing

FOLDER = "evaluation"
MADE = r"scores\.(csv|md)|spectrum\.(csv|png)|errors\.png|invented\.png"  # the names of what is written
SHOWN = 4  # patches a picture


def evaluate_params(
    params: Params, weights=None, overwrite: bool = False, edges=MANUAL_EDGES
) -> tuple[Evaluation, Ground]:
    """Score an input file's network beside the interpolators, and write ``log_dir/evaluation`` whole or not at all.

    Parameters
    ----------
    params : Params
        An input file, see `bathysr_nb.inputfile.load_params`.
    weights : path, optional
        See `bathysr_nb.tester.find_weights`.
    overwrite : bool
        Replace an evaluation that is there already.
    edges : sequence of float
        Inner edges of the slope bins.

    Returns
    -------
    (Evaluation, Ground)
        What is written: scores.csv, the evaluation's scores; scores.md, the verdict, tables and how
        to read them; spectrum.csv and spectrum.png; errors.png, where the network gains and loses;
        invented.png, where it shows detail that is not there.

    Raises
    ------
    FileExistsError
        If there is an evaluation and `overwrite` is false, or it holds files that no evaluation made.
    FileNotFoundError, ValueError
        As `bathysr_nb.tester.test`; the test set needs its truth.

    Warns
    -----
    UserWarning
        What was not known and what was taken instead.
    """
    folder = params.log_dir / FOLDER
    tester.refuse_foreign(folder, MADE, "evaluation")
    pairs = test_set(params)
    model, normalisation = tester.load_network(params, weights)
    with store.replacing_folder(folder, overwrite) as part:
        ground = survey(params.data_dir / "test" / "data_HR.pkl", pairs)
        lr, hr, sr = (side[..., 0] for side in (pairs.lr, pairs.hr, tester.predict(model, pairs.lr, params.model)))
        found = compare(lr, hr, {params.model: sr}, ground, normalisation, training_filter(params), edges)
        store.write_text(part / "scores.csv", found.scores.to_csv(index=False))
        store.write_text(part / "spectrum.csv", found.spectra.to_csv())
        store.write_text(part / "scores.md", page(found, ground, params.model, edges))
        for name, figure in _figures(lr, hr, sr, found, ground, params.model).items():
            figure.savefig(part / f"{name}.png", dpi=110)
    return found, ground


def survey(truth: Path, pairs: Pairs) -> Ground:
    """Slopes, blocks, cell size and downsampling of a test set, from the files beside it.

    Parameters
    ----------
    truth : path
        Its HR patches. Slopes are from ``data_HR.csv`` (see `bathysr_nb.tester.true_slopes`), blocks and cell
        size from ``patches.csv``; without that, the cell size is what makes the slopes of the CSV.
    pairs : Pairs
        As they were read.

    Returns
    -------
    Ground

    Raises
    ------
    FileNotFoundError, ValueError
        If the slopes are not known, see there.

    Warns
    -----
    UserWarning
        If blocks are not known; if LR is of no known downsampling of HR, so that bilinear is taken.
    """
    lr, hr = pairs.lr[..., 0], pairs.hr[..., 0]
    slope, table = tester.true_slopes(truth, pairs), truth.with_name("patches.csv")
    if table.is_file():
        block, delta = _blocks(table, pairs.kept), spacing(truth, hr.shape[1])
    else:
        ratio = mean_slope_gradient(hr.astype(np.float64), 1) / np.where(slope > 0, slope, np.nan)
        block, delta = None, (float(np.nanmedian(ratio)),) * 2
        told = f"cells are {delta[0]:.4g} m by {truth.stem}.csv, and blocks are not known: no intervals"
        warnings.warn(f"{table}: no such file, so {told}", stacklevel=2)
    downsampling = downsampling_of(lr[:100], hr[:100])
    if downsampling is None:
        warnings.warn(
            f"{truth.parent}: LR is neither the bilinear nor the area mean of HR; LR consistency is that of bilinear",
            stacklevel=2,
        )
    return Ground(slope, block, delta, downsampling or "bilinear")


def _blocks(table: Path, kept: np.ndarray) -> np.ndarray:
    frame = pd.read_csv(table)
    if "block" not in frame or len(frame) <= kept[-1]:
        found = f"{len(frame)} rows with columns {', '.join(frame)}"
        raise ValueError(f"{table}: has {found}; expected a block for each of {kept[-1] + 1} patches or more")
    return frame["block"].to_numpy()[kept]


def training_filter(params: Params) -> LinearFilter | None:
    """The best linear filter of the training set of an input file; None, and a warning, where there is no such set."""
    shapes = {"scale": params.scale, "input_shape": params.input_shape}
    try:
        with warnings.catch_warnings(action="ignore"):  # they were told when the network was trained
            train = load_set(params.data_dir / "train", params.train_data, **shapes)
    except FileNotFoundError as error:
        warnings.warn(f"{error}; the best linear filter is left out", stacklevel=2)
        return None
    return LinearFilter.fit(train.lr[..., 0], train.hr[..., 0])


def _figures(lr, hr, sr, found: Evaluation, ground: Ground, name: str) -> dict[str, Figure]:
    """spectrum, errors and invented, the last two of the patches that show most of it."""
    measures, scale, cell = found.measures["inner"], hr.shape[1] // lr.shape[1], ground.delta[0]
    gain = np.argsort(measures[name]["squared"].to_numpy() - measures["bicubic"]["squared"].to_numpy())
    chosen = {"largest gain": gain[0], "median": gain[len(gain) // 2], "largest loss": gain[-1]}
    bicubic = {i: interpolation.enlarge(lr[i], scale) for i in chosen.values()}
    errors = {
        f"{title}, patch {i}": (hr[i], {"bicubic": bicubic[i] - hr[i], name: sr[i] - hr[i]})
        for title, i in chosen.items()
    }
    most = np.argsort(-measures[name]["invented"].to_numpy())[:SHOWN]
    beyond = lambda h, i: terrainscores.detail_beyond_bicubic(h[i], lr[i])  # noqa: E731
    made_up = {
        f"patch {i}": (hr[i], sr[i], beyond(hr, i), beyond(sr, i), terrainscores.invented(hr[i], sr[i], lr[i]))
        for i in most
    }
    return {
        "spectrum": scoreplots.spectra(found.spectra, 1e3 / (2 * scale * max(ground.delta))),
        "errors": scoreplots.error_maps(errors, cell),
        "invented": scoreplots.invented_maps(made_up, name, cell),
    }
