import numpy as np
import pandas as pd

from bathysr_nb.scores import plots as score_plots

RNG = np.random.default_rng(0)


def test_spectra_show_each_method_and_its_share_of_the_truth():
    table = pd.DataFrame({"truth": [4.0, 2.0, 1.0], "net": [4.0, 1.0, 0.2]}, index=[1.0, 2.0, 4.0])
    power, ratio = score_plots.spectra(table, 1.5).axes
    lines = {line.get_label(): line for line in power.lines}
    np.testing.assert_array_equal(lines["truth"].get_ydata(), table["truth"])
    np.testing.assert_array_equal(ratio.lines[0].get_ydata(), [1, 0.5, 0.2])
    assert lines["finest wave in LR"].get_xdata()[0] == 1.5


def test_a_rows_errors_share_one_symmetric_scale_and_tell_their_rmse():
    truth = RNG.normal(size=(16, 16))
    figure = score_plots.error_maps({"a": (truth, {"bicubic": truth * 0 + 3, "net": truth * 0 - 1})}, 50)
    shown = figure.axes[:3]
    assert [ax.get_title() for ax in shown] == ["a\ntruth", "bicubic, RMSE 3.0 m", "net, RMSE 1.0 m"]
    assert {ax.images[0].get_clim() for ax in shown[1:]} == {(-3.0, 3.0)}
    np.testing.assert_array_equal(shown[2].images[0].get_array(), truth * 0 - 1)


def test_invented_maps_show_what_they_are_given():
    fields = [RNG.normal(size=(16, 16)) for _ in range(4)] + [np.abs(RNG.normal(size=(16, 16)))]
    figure = score_plots.invented_maps({"a": fields, "b": fields}, "net", 50)
    axes = [ax for ax in figure.axes if ax.images and ax.get_title()]
    assert [ax.get_title() for ax in axes[:5]] == [
        "a\ntruth",
        "net",
        "detail in the truth",
        "detail in net",
        "invented",
    ]
    for ax, field in zip(axes[2:5], fields[2:]):
        np.testing.assert_array_equal(ax.images[0].get_array(), field)
    assert axes[4].images[0].get_clim() == (0, fields[4].max())
    assert axes[2].images[0].get_clim() == axes[3].images[0].get_clim()
