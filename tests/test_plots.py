import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from bathysr_nb import plots
from bathysr_nb.scores import tables

RNG = np.random.default_rng(0)


def rows(n=2):
    """A coarse and a fine patch a row, each row at its own depth."""
    return [
        {"coarse": RNG.normal(size=(4, 4)) - 100 * k, "fine": RNG.normal(size=(16, 16)) - 100 * k} for k in range(n)
    ]


def drawn(figure):
    """A figure as PNG."""
    file = io.BytesIO()
    figure.savefig(file, dpi=40)
    return file.getvalue()


def test_comparison_has_a_panel_for_each_patch_and_tells_each_rows_depths():
    shown = rows(3)
    figure = plots.comparison(shown, cell=50)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["coarse", "fine"] * 3
    for k, row in enumerate(shown):
        low, high = min(p.min() for p in row.values()), max(p.max() for p in row.values())
        assert figure.axes[2 * k].get_ylabel() == f"{low:,.0f} to {high:,.0f} m"
    assert figure.get_supxlabel() == "each patch is 0.8 km wide"
    assert plots.comparison(shown).get_supxlabel() == ""


def test_a_rows_colours_do_not_depend_on_the_other_rows():
    shown = rows()
    pair, alone = plots.comparison(shown), plots.comparison(shown[1:])
    for ax, other in zip(pair.axes[2:], alone.axes, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), other.images[0].get_array())


def test_a_figure_drawn_again_shows_the_new_patches():
    first, second = rows(), rows()
    second[0]["new"] = second[0].pop("fine")
    figure = plots.comparison(first, 50)
    before = drawn(figure)
    anew, again = plots.comparison(second, 50), plots.comparison(second, 50, figure)
    assert again is figure
    for ax, other in zip(again.axes, anew.axes, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), other.images[0].get_array())
        assert (ax.get_title(), ax.get_ylabel()) == (other.get_title(), other.get_ylabel())
    assert drawn(again) != before


@pytest.mark.filterwarnings("error")
def test_flat_patches_and_short_rows_are_drawn():
    flat = np.full((4, 4), -10.0)
    assert drawn(plots.comparison([{"a": flat, "b": flat}, {"a": flat}]))


def test_a_notebook_shows_a_figure_before_pyplot_drew_one():
    code = "import numpy as np\nfrom bathysr_nb import plots\nplots.comparison([{'a': np.eye(4)}])"
    notebook = new_notebook(cells=[new_code_cell(code)])
    NotebookClient(notebook, timeout=120).execute()
    shown = notebook.cells[0].outputs
    assert [output.output_type for output in shown] == ["execute_result"]
    assert "image/png" in shown[0].data


@pytest.mark.parametrize("draw", ["bars", "changes", "forest"])
def test_every_bin_shows_its_numbers_and_says_how_many_blocks_it_has(draw):
    errors = {"bicubic": np.full(16, 4.0), "net": np.full(16, 1.0)}
    scores = tables.score_table(errors, [0.01] * 11 + [0.07] * 5, np.arange(16)).assign(model="net")
    if draw == "forest":
        axes = plots.forest(scores, "bicubic").axes
        assert [ax.get_title().split(", ")[1] for ax in axes] == ["11 blocks", "5 blocks", "16 blocks"]
        lines = [next(line for line in ax.lines if line.get_marker() == "o") for ax in axes]
        assert [line.get_xdata().tolist() for line in lines] == [[-50.0]] * 3
        assert [line.get_markerfacecolor() == "w" for line in lines] == [False, True, False]
        return
    ax = Figure().subplots()
    plots.slope_bars(ax, scores, list(errors)) if draw == "bars" else plots.typical_changes(ax, scores)
    assert [tick.get_text().split("\n")[1] for tick in ax.get_xticklabels()] == ["11 blocks", "5 blocks", "16 blocks"]
    if draw == "bars":
        assert sorted(text.get_text() for text in ax.texts) == ["1.0"] * 3 + ["2.0"] * 3
