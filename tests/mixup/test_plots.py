import numpy as np
import pytest
from matplotlib.figure import Figure

from bathysr_nb.grids import synthetic
from bathysr_nb.mixup import grouping, picking
from bathysr_nb.mixup import plots as mixup_plots
from bathysr_nb.terrain import mean_slope_gradient

SEA = synthetic.seafloor((64, 320), province="ridge", seed=5)
PATCHES = np.stack([SEA[i : i + 16, j : j + 16] for i in range(0, 64, 16) for j in range(0, 320, 16)]).astype(float)
SLOPE = mean_slope_gradient(PATCHES, 50.0)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_the_curve_ends_at_the_two_slopes_and_sags_between(ax):
    high, low = np.argsort(SLOPE)[[-1, 0]]
    mixup_plots.along_weight(ax, PATCHES[high], PATCHES[low], 50.0, 0.25)
    blend, straight, dot = (line.get_xydata() for line in ax.lines)
    np.testing.assert_allclose(blend[[0, -1], 1], SLOPE[[low, high]])
    np.testing.assert_allclose(straight[:, 1], SLOPE[[low, high]])
    assert (np.diff(blend[:, 1], 2) > -1e-12).all()
    mixed = 0.25 * PATCHES[high] + 0.75 * PATCHES[low]
    np.testing.assert_allclose(dot[0], [0.25, mean_slope_gradient(mixed[None], 50.0)[0]])


def test_groups_hold_every_original_once(ax):
    shares, edges = picking.target_bins(1.5 * SLOPE)
    split = grouping.split(SLOPE, shares, edges, None, np.random.default_rng(0))
    mixup_plots.groups(ax, SLOPE, 1.5 * SLOPE, split)
    heights = sum(bar.get_height() for container in ax.containers for bar in container)
    assert heights == pytest.approx(100)
    assert f"high: {len(split.high)}" in ax.get_legend_handles_labels()[1]


def test_the_drawing_has_the_blend_of_its_two_patches():
    figure = mixup_plots.method(
        PATCHES[3], PATCHES[4], 0.6, 50.0, {"source": SLOPE, "target": 2 * SLOPE, "picked": 1.5 * SLOPE}
    )
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["steep patch", "gentle patch", "blend", "source", "target", "picked"]
    assert [ax.get_ylabel() for ax in figure.axes[:3]] == ["0.60 x", "+ 0.40 x", "="]
