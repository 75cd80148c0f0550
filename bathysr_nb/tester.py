"""Test a trained network on its test set and write what the manual's test writes.

Source: manual 2.2.30 (``Tester``), 2.2.23 (``Evaluator``), 2.4.4.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from bathysr_nb import config, evaluate, plots, runs, store, terrain
from bathysr_nb.evaluate import MANUAL_EDGES
from bathysr_nb.inputfile import Params
from bathysr_nb.loader import Pairs, test_set
from bathysr_nb.models import BEST, build_model, load_weights
from bathysr_nb.normalization import NORMALISATION, Normalisation

FOLDER = "test_result"
MADE = r"test_results.*\.csv|test_result_\d+-\d+\.png|data_SR\.pkl"  # the names of what is written
BATCH = 64  # patches predicted at a time
ROWS = 4  # patches a picture


def find_weights(params: Params, weights=None) -> Path:
    """The weights to test.

    Parameters
    ----------
    params : Params
        Its fname_model_weights if set, else log_dir's read_test_weights if set, else log_dir's best.
    weights : path, optional
        Comes before all of these.

    Returns
    -------
    Path
        With ``.weights.h5`` for ``.h5``, or the other way round, where only that one is there.

    Raises
    ------
    FileNotFoundError
        Naming what was looked for, by which key, and the remedy.
    """
    named = {
        "weights": weights,
        "fname_model_weights": params.fname_model_weights,
        "read_test_weights": params.read_test_weights and params.log_dir / params.read_test_weights,
        "the best of log_dir": params.log_dir / BEST,
    }
    key, path = next((key, Path(path)) for key, path in named.items() if path)
    stem = path.name.removesuffix(".h5").removesuffix(".weights")
    found = next(
        (p for p in (path, path.with_name(f"{stem}.weights.h5"), path.with_name(f"{stem}.h5")) if p.is_file()), None
    )
    if found is None:
        remedy = "train first (bathysr train ...) or name other weights in fname_model_weights"
        raise FileNotFoundError(f"{path}: no such file ({key}); {remedy}")
    return found


def find_normalisation(params: Params, weights: Path) -> Normalisation:
    """The normalisation beside some weights, else that of log_dir, and then a warning says so.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it cannot be read.
    """
    beside, own = (folder / NORMALISATION for folder in (weights.parent, params.log_dir))
    if not beside.is_file() and own.is_file():
        warnings.warn(f"{beside}: no such file; {own} is used", stacklevel=2)
    path = beside if beside.is_file() else own
    if not path.is_file():
        raise FileNotFoundError(f"{beside}: no such file; bathysr train writes it beside its weights")
    return Normalisation.load(path)


def load_network(params: Params, weights=None):
    """The trained network of an input file, ready to predict.

    Parameters
    ----------
    params : Params
    weights : path, optional
        See `find_weights`.

    Returns
    -------
    (keras.Model, Normalisation)
        From metres to metres.

    Raises
    ------
    FileNotFoundError, ValueError
        If weights or normalisation are missing, damaged, or of another network or scale.
    """
    path = find_weights(params, weights)
    normalisation = find_normalisation(params, path)
    check_record(path, params)
    model = build_model(params.model, params.input_shape, params.scale, normalisation, **params.options)
    load_weights(model, path)
    return model, normalisation


def check_record(path: Path, params: Params) -> None:
    """Raise a ValueError if run.json beside the weights tells another network or scale: SRCNN's weights do not."""
    recorded = (runs.read_record(path.parent) or {}).get("parameters", {})
    for key, expected in (("model", params.model), ("scale", params.scale)):
        if recorded.get(key, expected) != expected:
            found = f"{key} {recorded[key]}, says run.json"
            raise ValueError(f"{path}: holds weights of another network ({found}); expected {key} {expected}")


def test(params: Params, weights=None, overwrite: bool = False, edges=MANUAL_EDGES) -> pd.DataFrame:  # noqa: PT028
    """Predict the whole test set, score it, and write ``log_dir/test_result``, whole or not at all.

    Parameters
    ----------
    params : Params
        An input file, see `bathysr_nb.inputfile.load_params`.
    weights : path, optional
        See `find_weights`.
    overwrite : bool
        Replace a test_result that is there already.
    edges : sequence of float
        Inner edges of the slope bins.

    Returns
    -------
    DataFrame, index ``img_index``: the patch's row in test/data_HR.pkl
        mean_slope_gradient of the true patch, then `bathysr_nb.evaluate.patch_scores` of low-res
        (nearest), bicubic and super-res. What is written: test_results.csv, this;
        test_results_describe.csv, its summary, and test_resultsslope0-0.05_describe.csv and so on,
        that of each slope bin; data_SR.pkl, the predictions in metres, a row for each of this;
        test_result_N-M.png, pictures of patches N to M.

    Raises
    ------
    FileExistsError
        If there is a test_result and `overwrite` is false, or it holds files that no test made.
    FileNotFoundError, ValueError
        As `load_network`, `bathysr_nb.loader.load_set` and `true_slopes`.

    Warns
    -----
    UserWarning
        As these.

    Notes
    -----
    Manual 2.2.30, 2.4.4.
    """
    folder = params.log_dir / FOLDER
    refuse_foreign(folder, MADE, "test")
    model, normalisation = load_network(params, weights)
    with store.replacing_folder(folder, overwrite) as part:
        pairs, truth = test_set(params), params.data_dir / "test" / "data_HR.pkl"
        slope = true_slopes(truth, pairs)
        bins = evaluate.slope_bins(slope, edges)
        sr = predict(model, pairs.lr, params.model)
        estimates = evaluate.enlarged(pairs.lr, params.scale)
        scores = evaluate.patch_scores(pairs.hr, estimates | {"super-res": sr}, normalisation)
        frame = pd.concat([pd.Series(slope, name="mean_slope_gradient"), scores], axis=1)
        frame = frame.set_index(pd.Index(pairs.kept, name="img_index"))
        _write_tables(part, frame, bins)
        store.save_patches(part / "data_SR.pkl", sr)
        cell = terrain.spacing(truth, pairs.hr.shape[1])[0] if truth.with_name("patches.csv").is_file() else None
        _draw(part, pairs, estimates["bicubic"], sr, frame, cell)
    return frame


def refuse_foreign(folder: Path, made: str, maker: str) -> None:
    """Raise a FileExistsError if a folder holds files whose names do not match what its maker writes."""
    foreign = sorted(p.name for p in folder.glob("*") if not re.fullmatch(made, p.name))
    if foreign:
        raise FileExistsError(f"{folder}: holds files that no {maker} made ({foreign[0]}); move them away")


def predict(model, lr: np.ndarray, name: str) -> np.ndarray:
    """SR patches (n, H, W, 1) of LR patches (n, h, w, 1), metres; a ValueError if any of it is NaN."""
    sr = model.predict(lr, batch_size=BATCH, verbose=0)
    if not np.isfinite(sr).all():
        raise ValueError(f"{name}: the weights predict NaN; test those of an earlier epoch")
    return sr


def true_slopes(pickle: Path, pairs: Pairs) -> np.ndarray:
    """Mean slope gradient of the true patches, from the feature table beside them.

    Parameters
    ----------
    pickle : path
        HR patches; their table has the same stem (``data_HR.csv``). Where it is missing it is made,
        and a warning says so; it is not written where patches were dropped.
    pairs : Pairs
        As they were read from it.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    FileNotFoundError, ValueError
        If the table is of other patches, or it is missing and the cell size is not known.
    """
    path, remedy = pickle.with_suffix(".csv"), f"bathysr features {pickle} --force"
    if not path.is_file():
        return _made_slopes(pickle, pairs)
    slope, relief = _read_features(path)
    if len(slope) <= pairs.kept[-1] or not np.isfinite(slope[pairs.kept]).all():
        raise ValueError(
            f"{path}: expected mean_slope_gradient of {pairs.kept[-1] + 1} patches or more; make it anew ({remedy})"
        )
    if not np.allclose(relief[pairs.kept], np.ptp(pairs.hr, axis=(1, 2, 3)), rtol=1e-3, atol=0.1):
        raise ValueError(f"{path}: is of other patches than {pickle.name}; make it anew ({remedy})")
    return slope[pairs.kept]


def _read_features(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Slope and relief of each patch, NaN where they are no numbers; empty if the file is no such table."""
    try:
        table = pd.read_csv(path)[["mean_slope_gradient", "altitude_difference"]]
    except (ValueError, KeyError):
        return np.empty(0), np.empty(0)
    return tuple(pd.to_numeric(table[column], errors="coerce").to_numpy(float) for column in table)


def _made_slopes(pickle: Path, pairs: Pairs) -> np.ndarray:
    whole = len(pairs.kept) == len(store.load_patches(pickle))
    try:
        delta = terrain.spacing(pickle, pairs.hr.shape[1])
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{error}: bathysr features {pickle} --delta 50") from None
    table = terrain.write_features(pickle, delta) if whole else terrain.feature_table(pairs.hr, delta)
    done = "made now" if whole else "computed, but not written, for patches were dropped"
    warnings.warn(f"{pickle.with_suffix('.csv')}: was missing; {done}", stacklevel=2)
    return table["mean_slope_gradient"].to_numpy()


def _write_tables(folder: Path, frame: pd.DataFrame, bins: pd.Categorical) -> None:
    store.write_text(folder / "test_results.csv", frame.to_csv())
    parts = {"": frame} | {f"slope{label}": frame[bins == label] for label in bins.categories}
    for name, part in parts.items():
        store.write_text(folder / f"test_results{name}_describe.csv", part.describe().to_csv())


def _draw(folder: Path, pairs: Pairs, bicubic, sr, frame: pd.DataFrame, cell: float | None) -> None:
    """The pictures, on one figure that is drawn again and again, which is twice as fast."""
    sides = {"low-res": pairs.lr, "bicubic": bicubic, "super-res": sr, "high-res": pairs.hr}
    figure = None
    for start in config.progress(range(0, len(frame), ROWS), "pictures"):
        shown = range(start, min(start + ROWS, len(frame)))
        rows = evaluate.comparison_rows({name: side[shown] for name, side in sides.items()}, frame.iloc[shown])
        figure = plots.comparison(rows, cell, figure if len(rows) == ROWS else None)
        first, last = frame.index[[shown[0], shown[-1]]]
        figure.savefig(folder / f"test_result_{first}-{last}.png", dpi=100)


def summary(frame: pd.DataFrame) -> str:
    """What a test came to, for a terminal: RMSE in metres pooled over all cells.

    Parameters
    ----------
    frame : DataFrame
        As `test` gives it.

    Returns
    -------
    str
        A line each for bicubic and super-res, this one with the change in percent.

    Examples
    --------
    >>> print(summary(pd.DataFrame({"bicubic_rmse_metres": [3.0, 4.0], "super-res_rmse_metres": [3.0, 3.0]})))
    RMSE of all cells of 2 patches
    bicubic       3.54 m
    super-res     3.00 m  -15.1%
    """
    bicubic, sr = (np.sqrt((frame[f"{m}_rmse_metres"] ** 2).mean()) for m in ("bicubic", "super-res"))
    lines = [f"RMSE of all cells of {len(frame)} patches", f"bicubic   {bicubic:8.2f} m"]
    return "\n".join([*lines, f"super-res {sr:8.2f} m  {100 * (sr / bicubic - 1):+.1f}%"])
