"""Test a trained network on its test set and write what the manual's test writes.

Source: manual 2.2.30 (``Tester``), 2.2.23 (``Evaluator``), 2.4.4.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from bathysr_nb import plots
from bathysr_nb.files import project, store
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.manual.sets import LoadedPairs, test_set, true_slopes
from bathysr_nb.manual.trained import load_network
from bathysr_nb.models.prediction import predict
from bathysr_nb.pairs import features
from bathysr_nb.scores import baselines, tables
from bathysr_nb.scores.tables import MANUAL_EDGES
from bathysr_nb.scores.words import change_in_words

FOLDER = "test_result"
MADE = re.compile(r"test_results[^/]*\.csv|test_result_\d+-\d+\.png|data_SR\.pkl")  # the files that are written
ROWS = 4  # patches per picture


def test(params: Params, weights=None, overwrite: bool = False, edges=MANUAL_EDGES) -> pd.DataFrame:  # noqa: PT028
    """Predict the whole test set, score it, and write ``log_dir/test_result``, completely or not at all.

    Parameters
    ----------
    params : Params
        An input file, see `bathysr_nb.manual.inputfile.load_params`.
    weights : path, optional
        See `find_weights`.
    overwrite : bool
        Replace an existing test_result.
    edges : sequence of float
        Inner edges of the slope bins.

    Returns
    -------
    DataFrame, index ``img_index``: the patch's row in test/data_HR.pkl
        mean_slope_gradient of the true patch, then `bathysr_nb.scores.tables.patch_scores` of low-res
        (nearest), bicubic and super-res. Written are: test_results.csv, this table;
        test_results_describe.csv, its summary, and test_resultsslope0-0.05_describe.csv and so on,
        that of each slope bin; data_SR.pkl, the predictions in metres, in the order of the table;
        test_result_N-M.png, pictures of patches N to M.

    Raises
    ------
    FileExistsError
        If there is a test_result and `overwrite` is false, or the folder holds other files.
    FileNotFoundError, ValueError
        As `load_network`, `bathysr_nb.manual.sets.load_set` and `true_slopes`.

    Warns
    -----
    UserWarning
        As the same functions.

    Notes
    -----
    Manual 2.2.30, 2.4.4.
    """
    folder = params.log_dir / FOLDER
    store.refuse_foreign(folder, MADE.fullmatch, "test")
    model, normalisation = load_network(params, weights)
    with store.replacing_folder(folder, overwrite) as part:
        pairs, truth = test_set(params), params.data_dir / "test" / "data_HR.pkl"
        slope = true_slopes(truth, pairs)
        bins = tables.slope_bins(slope, edges)
        sr = predict(model, pairs.lr, params.model)
        estimates = baselines.enlarged(pairs.lr, params.scale)
        scores = tables.patch_scores(pairs.hr, estimates | {"super-res": sr}, normalisation)
        frame = pd.concat([pd.Series(slope, name="mean_slope_gradient"), scores], axis=1)
        frame = frame.set_index(pd.Index(pairs.kept, name="img_index"))
        _write_tables(part, frame, bins)
        store.save_patches(part / "data_SR.pkl", sr)
        cell = features.spacing(truth, pairs.hr.shape[1])[0] if truth.with_name("patches.csv").is_file() else None
        _draw(part, pairs, estimates["bicubic"], sr, frame, cell)
    return frame


def _write_tables(folder: Path, frame: pd.DataFrame, bins: pd.Categorical) -> None:
    store.write_text(folder / "test_results.csv", frame.to_csv())
    parts = {"": frame} | {f"slope{label}": frame[bins == label] for label in bins.categories}
    for name, part in parts.items():
        store.write_text(folder / f"test_results{name}_describe.csv", part.describe().to_csv())


def _draw(folder: Path, pairs: LoadedPairs, bicubic, sr, frame: pd.DataFrame, cell: float | None) -> None:
    """Write the pictures, reusing one figure, which is twice as fast."""
    sides = {"low-res": pairs.lr, "bicubic": bicubic, "super-res": sr, "high-res": pairs.hr}
    figure = None
    for start in project.progress(range(0, len(frame), ROWS), "pictures"):
        shown = range(start, min(start + ROWS, len(frame)))
        rows = tables.comparison_rows({name: side[shown] for name, side in sides.items()}, frame.iloc[shown])
        figure = plots.comparison(rows, cell, figure if len(rows) == ROWS else None)
        first, last = frame.index[[shown[0], shown[-1]]]
        figure.savefig(folder / f"test_result_{first}-{last}.png", dpi=100)


def test_summary(frame: pd.DataFrame, block: np.ndarray | None) -> str:
    """The result of a test as text: all cells, in a typical block and pooled.

    Parameters
    ----------
    frame : DataFrame
        As `test` returns it.
    block : ndarray, shape (n,), or None
        Block of each patch; None: not known.

    Returns
    -------
    str
        The change against bicubic in a typical block, where blocks are known, and the pooled RMSEs in metres.

    Examples
    --------
    >>> metres = {"bicubic_rmse_metres": [3.0, 4.0], "super-res_rmse_metres": [3.0, 3.0]}
    >>> print(test_summary(pd.DataFrame(metres), None))
    all cells of 2 patches, super-res against bicubic
    pooled RMSE 3.00 m instead of 3.54 (-15.1%, blocks not known, so no interval)
    """
    sr, bicubic = (frame[f"{method}_rmse_metres"].to_numpy() ** 2 for method in ("super-res", "bicubic"))
    said = change_in_words(sr, bicubic, block).replace("; ", "\n")
    return f"all cells of {len(frame)} patches, super-res against bicubic\n{said}"
