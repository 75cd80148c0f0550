"""Scores in metres, per slope bin, with intervals that resample blocks.

RMSE is pooled over cells unless a name says otherwise.

Source: manual 2.2.23, 2.4.4; the intervals (`bathysr_nb.scores.intervals`) and the scores beyond RMSE, PSNR and DSSIM
(`bathysr_nb.scores.terrain_measures`) are ours.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bathysr_nb.scores.intervals import (
    change_interval,
    effective_blocks,
    quantiles,
    resampled_means,
    roughest_block,
)
from bathysr_nb.scores.typical import typical_change
from bathysr_nb.scores.words import HOW_TO_READ, bracketed, signed

MANUAL_EDGES = (0.05, 0.1)
BATCH = 256  # patches scored at a time
ABOUT = f"""RMSE in metres on ground that no network saw, per bin of the true patch's mean slope gradient; change
against bicubic in percent. {HOW_TO_READ}"""
#: Columns of `score_table` that need to know the block of each patch, besides the intervals of the pooled change.
BY_BLOCK = (
    "blocks",
    "effective",
    "roughest",
    "roughest_share",
    "typical",
    "typical_low",
    "typical_high",
    "better",
)
#: Score to the measure that weighs its blocks, and its formula from the means of `terrain_measures.patch_measures`.
SCORE_FORMULAS = {
    "rmse": ("squared", lambda mean: np.sqrt(mean["squared"])),
    "rmse_patch_mean": ("rmse", lambda mean: mean["rmse"]),
    "mae": ("absolute", lambda mean: mean["absolute"]),
    "slope_error": ("slope_absolute", lambda mean: mean["slope_absolute"]),
    "slope_bias": ("slope_absolute", lambda mean: mean["slope_signed"]),
    "roughness_ratio": ("true_roughness", lambda mean: np.sqrt(mean["roughness"] / mean["true_roughness"])),
    "lr_consistency": ("lr_squared", lambda mean: np.sqrt(mean["lr_squared"])),
    "invented": ("invented", lambda mean: np.sqrt(mean["invented"])),
    "psnr": ("psnr", lambda mean: mean["psnr"]),
    "dssim": ("dssim", lambda mean: mean["dssim"]),
}


def squared_error(truth: np.ndarray, estimate: np.ndarray, rim: int = 0) -> np.ndarray:
    """Mean squared error of each patch.

    Parameters
    ----------
    truth, estimate : ndarray, shape (n, H, W) or (n, H, W, 1)
        Depths in metres.
    rim : int
        Cells to leave out on each side.

    Returns
    -------
    ndarray, shape (n,)
        Square metres.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> squared_error(np.zeros((1, 2, 2)), np.full((1, 2, 2), 3.0)).tolist()
    [9.0]
    """
    if truth.shape != estimate.shape:
        raise ValueError(f"truth has shape {truth.shape} and estimate {estimate.shape}; they must agree")
    inner = slice(rim, -rim or None)
    error = (np.asarray(estimate, dtype=np.float64) - truth)[:, inner, inner]
    return (error**2).reshape(len(error), -1).mean(axis=1)


def patch_scores(truth: np.ndarray, estimates: dict[str, np.ndarray], normalisation) -> pd.DataFrame:
    """PSNR, DSSIM and RMSE of each patch by each method.

    Parameters
    ----------
    truth : ndarray, shape (n, H, W, 1)
        Depths in metres; at least 11 x 11 cells.
    estimates : dict of str to ndarray, shape (n, H, W, 1)
        Method to its depths in metres.
    normalisation : bathysr_nb.models.normalisation.Normalisation
        Its low and high are 0 and 1 for psnr, dssim and rmse.

    Returns
    -------
    DataFrame, one row a patch
        For each method ``<method>_psnr`` (dB), ``<method>_dssim``, ``<method>_rmse`` (no unit)
        and ``<method>_rmse_metres``.

    Raises
    ------
    ValueError
        If the shapes differ, or patches are smaller than SSIM's window.

    Notes
    -----
    Manual 2.2.23, ``Evaluator``; see `bathysr_nb.scores.metrics`.

    Examples
    --------
    >>> from bathysr_nb.models.normalisation import Normalisation
    >>> truth = np.zeros((1, 16, 16, 1))
    >>> table = patch_scores(truth, {"net": truth - 5}, Normalisation(-50, 0))
    >>> table[["net_psnr", "net_rmse", "net_rmse_metres"]].values.round(3).tolist()
    [[20.0, 0.1, 5.0]]
    """
    from bathysr_nb.models.backend import ops  # not at the top: Keras takes seconds to import
    from bathysr_nb.scores import metrics

    table = {}
    for method, estimate in estimates.items():
        rmse = np.sqrt(squared_error(truth, estimate))
        for name, score in metrics.SCALED_SCORES.items():
            batches = (
                [normalisation.scaled(depth[start : start + BATCH]) for depth in (truth, estimate)]
                for start in range(0, len(truth), BATCH)
            )
            table[f"{method}_{name}"] = np.concatenate([ops.convert_to_numpy(score(*batch)) for batch in batches])
        table[f"{method}_rmse"] = rmse / (normalisation.high - normalisation.low)
        table[f"{method}_rmse_metres"] = rmse
    return pd.DataFrame(table)


def comparison_rows(sides: dict[str, np.ndarray], scores: pd.DataFrame) -> list[dict]:
    """Patches with their scores as titles, for `bathysr_nb.plots.comparison`.

    Parameters
    ----------
    sides : dict of str to ndarray, shape (n, h, w, 1)
        Low-res, bicubic, super-res and high-res patches, metres.
    scores : DataFrame
        As `patch_scores`, one row a patch; the index is shown beside the truth.

    Returns
    -------
    list of dict
        Title to patch, one dict a row.
    """

    def title(name: str, index, row) -> str:
        if f"{name}_psnr" not in row:
            return f"{name}, patch {index}"
        return f"{name}\n{row[f'{name}_psnr']:.2f} dB, DSSIM {row[f'{name}_dssim']:.2g}"

    return [
        {title(name, index, row): side[i, ..., 0] for name, side in sides.items()}
        for i, (index, row) in enumerate(scores.iterrows())
    ]


def slope_bins(slope: np.ndarray, edges=MANUAL_EDGES) -> pd.Categorical:
    """Bin of each patch by mean slope gradient.

    Parameters
    ----------
    slope : ndarray, shape (n,)
        MSG of the HR patches.
    edges : sequence of float
        Inner edges, rising; the first bin begins at 0 and the last has no end.

    Returns
    -------
    Categorical
        Labels like ``0-0.05``, ``0.05-0.1``, ``0.1-``, ordered.

    Raises
    ------
    ValueError
        If the edges do not rise from above 0.

    Examples
    --------
    >>> list(slope_bins(np.array([0.0, 0.05, 0.3])))
    ['0-0.05', '0.05-0.1', '0.1-']
    """
    walls = [0, *edges]
    if any(b <= a for a, b in zip(walls, walls[1:])):
        raise ValueError(f"slope edges are {list(edges)}, expected rising values above 0")
    labels = [f"{a:g}-{b:g}" for a, b in zip(walls, walls[1:])] + [f"{walls[-1]:g}-"]
    return pd.cut(np.asarray(slope), [*walls, np.inf], right=False, labels=labels)


def score_table(
    errors: dict[str, np.ndarray], slope, block, edges=MANUAL_EDGES, *, reference="bicubic", seed: int = 0
) -> pd.DataFrame:
    """RMSE in metres of each method in each slope bin, and its change in a typical block and pooled.

    Parameters
    ----------
    errors : dict of str to ndarray, shape (n,)
        Squared error of each patch for each method (`squared_error`).
    slope : ndarray, shape (n,)
        MSG of the HR patches.
    block : ndarray, shape (n,)
        Block of each patch.
    edges : sequence of float
        Inner edges of the slope bins.
    reference : str
        The method that changes are measured against.
    seed : int

    Returns
    -------
    DataFrame
        One row for each method in each bin that has patches: slope, method, patches, blocks, effective (number of
        blocks, for the reference; see `intervals.effective_blocks`), roughest and roughest_share (the block with most
        of the reference's squared error, and its share), rmse (m, pooled over cells); typical, typical_low,
        typical_high, better (change in a typical block in percent, its 95% interval, and blocks that got better; see
        `typical.typical_change`); change, low, high (change in pooled RMSE in percent, and its 95% interval, NaN with
        fewer than 8 blocks or 2 effective ones). The last bin is "all".

    Raises
    ------
    ValueError
        If an error is not finite.

    Examples
    --------
    >>> e = {"bicubic": np.full(8, 4.0), "model": np.full(8, 1.0)}
    >>> table = score_table(e, np.full(8, 0.2), np.arange(8))
    >>> table.query("slope == 'all' and method == 'model'")[["rmse", "typical", "change"]].values.tolist()
    [[1.0, -50.0, -50.0]]
    """
    block, rows = np.asarray(block), []
    for method, error in errors.items():
        if wrong := np.count_nonzero(~np.isfinite(error)):
            raise ValueError(f"{method}: the errors of {wrong} of {len(error)} patches are not finite")
    for label, part in slope_parts(slope, edges).items():
        if not len(part):
            continue
        weight = errors[reference][part], block[part]
        roughest, share = roughest_block(*weight)
        bin_facts = {
            "patches": len(part),
            "blocks": len(set(block[part])),
            "effective": effective_blocks(*weight),
            "roughest": roughest,
            "roughest_share": share,
        }
        for method, error in errors.items():
            rmse = np.sqrt(error[part].mean())
            row = {"slope": label, "method": method} | bin_facts | {"rmse": rmse}
            if method != reference:
                typical = typical_change(error[part], errors[reference][part], block[part])
                row |= {"typical": typical.change, "typical_low": typical.low, "typical_high": typical.high}
                row["better"] = typical.better
                row["change"] = 100 * (rmse / np.sqrt(errors[reference][part].mean()) - 1)
                row["low"], row["high"] = change_interval(error[part], errors[reference][part], block[part], seed)
            rows.append(row)
    return pd.DataFrame(rows)


def slope_parts(slope, edges) -> dict[str, np.ndarray]:
    """Numbers of the patches in each slope bin, and of all.

    Parameters
    ----------
    slope, edges
        As `slope_bins`.

    Returns
    -------
    dict of str to ndarray of int
        Label of the bin, at last "all", to its patches.

    Examples
    --------
    >>> {label: part.tolist() for label, part in slope_parts(np.array([0.3, 0.01, 0.2]), (0.1,)).items()}
    {'0-0.1': [1], '0.1-': [0, 2], 'all': [0, 1, 2]}
    """
    bins = slope_bins(slope, edges)
    return {label: np.flatnonzero(bins == label) for label in bins.categories} | {"all": np.arange(len(bins))}


def full_table(
    measures: dict[str, pd.DataFrame], slope, block=None, edges=MANUAL_EDGES, *, reference="bicubic", seed: int = 0
) -> pd.DataFrame:
    """All scores of each method in each slope bin, with intervals.

    Parameters
    ----------
    measures : dict of str to DataFrame
        Method to its measures, as `terrain_measures.patch_measures` gives them for one kind of cells; psnr
        and dssim are scored too if a table has them.
    slope, edges, reference, seed
        As `score_table`.
    block : ndarray, shape (n,), optional
        Block of each patch; None: not known, so there are no intervals, and the columns of `BY_BLOCK` are NaN.

    Returns
    -------
    DataFrame
        The rows and columns of `score_table` (rmse is pooled over cells; low and high are of the change) and, for
        each score of `SCORE_FORMULAS`, its value, ``<score>_low`` and ``<score>_high``, its own 95% interval:
        rmse_patch_mean (m, mean of the patches' RMSE), mae (m; pooled and mean over patches are the same),
        slope_error and slope_bias (degrees), roughness_ratio (1: as rough as the truth), lr_consistency (m,
        RMSE of the downsampled estimate against LR), invented (m, RMS), psnr (dB), dssim.
    """
    unknown = block is None
    # one block for all patches has no intervals, as it should be; its counts are taken out at the end
    block = np.zeros(len(slope)) if unknown else np.asarray(block)
    errors = {method: table["squared"].to_numpy() for method, table in measures.items()}
    table = score_table(errors, slope, block, edges, reference=reference, seed=seed)
    parts, rows = slope_parts(slope, edges), []
    for label in table["slope"].unique():
        part = {method: values.iloc[parts[label]] for method, values in measures.items()}
        drawn = resampled_means(np.hstack([values.to_numpy() for values in part.values()]), block[parts[label]], seed)
        for values in part.values():
            # all methods are drawn together, so that they see the same draws; their columns follow each other
            of_method, drawn = (None, None) if drawn is None else np.split(drawn, [values.shape[1]], axis=1)
            rows.append(_scores(values, of_method, block[parts[label]]))
    table = pd.concat([table, pd.DataFrame(rows).drop(columns="rmse")], axis=1)
    return table.assign(**dict.fromkeys(BY_BLOCK, np.nan)) if unknown else table


def _scores(measures: pd.DataFrame, drawn: np.ndarray | None, block: np.ndarray) -> dict[str, float]:
    """All scores of some patches, with intervals from the means of their measures in each draw."""
    means, row = dict(measures.mean()), {}
    draws = None if drawn is None else dict(zip(measures.columns, drawn.T))
    with np.errstate(divide="ignore", invalid="ignore"):  # a flat truth has no roughness to divide by
        for name, (weight, score) in SCORE_FORMULAS.items():
            if weight in means:
                row[name] = float(score(means))
                ends = quantiles(draws and score(draws), effective_blocks(measures[weight], block))
                row[f"{name}_low"], row[f"{name}_high"] = ends
    return row


def wide_table(scores: pd.DataFrame, reference: str = "bicubic") -> pd.DataFrame:
    """Pooled RMSE of `score_table` as text for readers: one row a method, one column a bin.

    Parameters
    ----------
    scores : DataFrame
        As `score_table`.
    reference : str
        The method that changes are measured against.

    Returns
    -------
    DataFrame of str
        Columns: slope bins. Index: patches, blocks (the effective number in parentheses), the block with most
        error (and its share of the reference's squared error), and for each method RMSE in metres, the change
        against the reference and its 95% interval.
    """
    return _wide(scores, lambda line: _pooled_text(line, reference))


def typical_table(scores: pd.DataFrame, reference: str = "bicubic") -> pd.DataFrame:
    """The typical block of `score_table` as text for readers: one row a method, one column a bin.

    Parameters
    ----------
    scores : DataFrame
        As `score_table`.
    reference : str
        The method that changes are measured against; it has no row.

    Returns
    -------
    DataFrame of str
        Columns: slope bins. Index: patches, blocks, most error in as `wide_table`, and for each method the
        change in a typical block in percent, its 95% interval, and on how many blocks it is better.
    """
    return _wide(scores[scores["method"] != reference], _typical_text)


def _wide(scores: pd.DataFrame, text) -> pd.DataFrame:
    bins = {}
    for label, part in scores.groupby("slope", sort=False):
        first = part.iloc[0]
        known = not np.isnan(first["blocks"])
        bins[label] = {"patches": f"{first['patches']}"}
        bins[label]["blocks"] = f"{first['blocks']:.0f} ({first['effective']:.1f})" if known else "not known"
        if known:
            bins[label]["most error in"] = f"block {first['roughest']:g}: {first['roughest_share']:.0%}"
        bins[label] |= {line["method"]: text(line) for _, line in part.iterrows()}
    return pd.DataFrame(bins).rename_axis(columns="slope")


def _pooled_text(line, reference: str) -> str:
    if line["method"] == reference:
        return f"{line['rmse']:.2f}"
    return f"{line['rmse']:.2f}  {signed(line['change'])}% {bracketed(line['low'], line['high'])}".rstrip()


def _typical_text(line) -> str:
    if np.isnan(line["typical"]):
        return "not known"
    change = f"{signed(line['typical'])}% {bracketed(line['typical_low'], line['typical_high'])}".rstrip()
    return f"{change}, {line['better']:.0f} of {line['blocks']:.0f}"
