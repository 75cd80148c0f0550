"""The page of an evaluation: the verdict, then the tables and how to read them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bathysr_nb.files import record
from bathysr_nb.scores import baselines, tables
from bathysr_nb.scores.comparison import Evaluation, Ground
from bathysr_nb.scores.tables import MANUAL_EDGES
from bathysr_nb.scores.terrain_measures import RIM
from bathysr_nb.scores.words import HOW_TO_READ, change_in_words

ABOUT = f"""{HOW_TO_READ} Inner cells lie at least {RIM} LR cells from the patch's rim, where bicubic has all
its neighbours; the verdict is about them. Slopes are the mean slope gradient of the true patch."""
COLUMNS = {
    "rmse": "RMSE, pooled over cells (m)",
    "rmse_patch_mean": "RMSE, mean over patches (m)",
    "mae": "MAE (m)",
    "slope_error": "slope error (degrees)",
    "slope_bias": "slope bias (degrees)",
    "roughness_ratio": "roughness, ratio to the truth's",
    "lr_consistency": "LR consistency (m)",
    "invented": "invented detail (m)",
    "psnr": "PSNR (dB)",
    "dssim": "DSSIM",
}
MEANINGS = """* RMSE pooled over cells, the root of the mean square, is dominated by the roughest patches; the mean of
  the patches' own RMSE is lower. MAE is the same either way.
* Slope error and bias: mean absolute and mean signed difference of the slope angle; a negative bias is too smooth.
* Roughness: spread of depth about its mean over two LR cells, as a ratio to the truth's; below 1 is too smooth.
* LR consistency: RMSE between the result, downsampled as the data set was, and its LR input.
* Invented detail: RMS of fine detail added to bicubic that does not match the truth. Bicubic has none by definition. On
  all cells it includes the patches' rims, where bicubic lacks neighbours and an estimate may rightly differ."""


def verdict_sentences(found: Evaluation, ground: Ground, name: str, edges=MANUAL_EDGES) -> list[str]:
    """The verdict on the inner cells, a sentence for each question.

    Parameters
    ----------
    found : Evaluation
    ground : Ground
    name : str
        The network.
    edges : sequence of float

    Returns
    -------
    list of str
        The network on all slopes against bicubic and against the best method without a network (that of the lowest
        RMSE here), in the steepest bin that has patches against bicubic, and how much detail it invents.
    """
    measures, bins = found.measures["inner"], tables.slope_bins(ground.slope, edges)
    steepest = np.asarray(bins == bins.max())
    errors = {method: table["squared"].to_numpy() for method, table in measures.items()}
    sentences = [
        f"all slopes, against {called}: {change_in_words(errors[name], errors[other], ground.block)}"
        for other, called in baselines.rivals(errors).items()
    ]
    if not steepest.all():
        sentences.append(_on_steepest(errors[name], errors["bicubic"], steepest, ground.block, bins.max()))
    inner = found.scores[(found.scores["cells"] == "inner") & (found.scores["slope"] == "all")]
    invented = inner[inner["method"] == name].iloc[0]["invented"]
    true = np.sqrt(measures[name]["true_detail"].mean())
    return [*sentences, f"invented detail {invented:.2f} m RMS, where the truth has {true:.2f} m beyond bicubic"]


def _on_steepest(network: np.ndarray, bicubic: np.ndarray, part: np.ndarray, block, label: str) -> str:
    """The sentence on a slope bin, from squared errors of all patches and the bin's (`part`)."""
    blocks = "an unknown number of blocks" if block is None else counted(len(set(block[part])), "block")
    where = f"slopes {label} ({counted(part.sum(), 'patch', 'patches')} of {blocks})"
    change = change_in_words(network[part], bicubic[part], block if block is None else block[part])
    return f"{where}, against bicubic: {change}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun, such as 1 block, 2 blocks.

    Parameters
    ----------
    number : int
    one, many : str
        The noun; `many` is `one` with an s unless given.

    Examples
    --------
    >>> counted(1, "patch", "patches"), counted(2, "block")
    ('1 patch', '2 blocks')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def evaluation_page(found: Evaluation, ground: Ground, name: str, edges=MANUAL_EDGES) -> str:
    """The verdict, the tables and how to read them, as Markdown.

    Parameters
    ----------
    found : Evaluation
    ground : Ground
    name : str
        The network.
    edges : sequence of float

    Returns
    -------
    str
    """
    blocks = "an unknown number of blocks" if ground.block is None else counted(len(set(ground.block)), "block")
    cells = " x ".join(f"{d:.4g}" for d in dict.fromkeys(ground.delta))
    bins = ", ".join(f"{edge:g} = {np.degrees(np.arctan(edge)):.1f} degrees" for edge in edges)
    patches = counted(len(ground.slope), "patch", "patches")
    settings = f"{patches} of {blocks}, cells of {cells} m; slopes: {bins}; {record.versions()}."
    sentences = "\n".join(f"* **{text}**" for text in verdict_sentences(found, ground, name, edges))
    parts = [f"# {name} on the test set", "Inner cells:", sentences, settings, ABOUT]
    for kind, table in found.scores.groupby("cells", sort=False):
        parts += score_tables(table, f"{kind} cells")
    for kind, table in found.scores.groupby("cells", sort=False):
        parts += [f"## All slopes, {kind} cells", markdown(_all_scores(table[table["slope"] == "all"]))]
    pictures = {
        "spectrum": "Radial power spectra, and their ratio to the truth's",
        "errors": f"Where {name} gains on bicubic, and where it loses",
        "invented": "Where it invents detail",
    }
    parts += [MEANINGS, *(f"## {title}\n\n![{title}]({file}.png)" for file, title in pictures.items())]
    return "\n\n".join(parts) + "\n"


def score_tables(scores: pd.DataFrame, which: str, reference: str = "bicubic") -> list[str]:
    """The two tables of a `tables.score_table` with their headings, as Markdown: the typical block, then pooled RMSE.

    Parameters
    ----------
    scores : DataFrame
    which : str
        What was scored, for the headings.
    reference : str
        The method that changes are measured against.

    Returns
    -------
    list of str
    """
    return [
        f"## {which.capitalize()}: change against {reference} in a typical block",
        markdown(tables.typical_table(scores, reference)),
        f"## {which.capitalize()}: pooled RMSE in metres, and its change against {reference}",
        markdown(tables.wide_table(scores, reference)),
    ]


def _all_scores(table: pd.DataFrame) -> pd.DataFrame:
    """One row a score, one column a method, as text."""
    rows = {
        title: {line["method"]: _value(line, score) for _, line in table.iterrows()}
        for score, title in COLUMNS.items()
        if not np.isnan(table.iloc[0].get(score, np.nan))
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score").reset_index()


def _value(line: pd.Series, score: str) -> str:
    low, high = (line.get(f"{score}_{end}", np.nan) for end in ("low", "high"))
    return f"{line[score]:#.3g}" + ("" if np.isnan(low) else f" [{low:#.3g}, {high:#.3g}]")


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, without its index; if the columns have a name, the index comes first under that name.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"slope": ["0-0.05"], "rmse": [1.5]})))
    | slope | rmse |
    | --- | --- |
    | 0-0.05 | 1.5 |
    """
    if table.columns.name:
        table = table.rename_axis(index=table.columns.name).reset_index()
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).values.tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
