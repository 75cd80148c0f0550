import numpy as np
import pandas as pd
import pytest

from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.scores import baselines, spectrum, tables
from bathysr_nb.scores.linear import LinearFilter
from bathysr_nb.scores.terrain_measures import patch_measures


def test_batches_do_not_show(sides, found):
    lr, hr, net = sides
    estimates = baselines.baseline_estimates(lr, 2, LinearFilter.fit(lr[::2], hr[::2])) | {"net": net}
    measures = patch_measures(hr, estimates, lr, 50)
    for cells, methods in measures.items():
        for name, table in methods.items():
            pd.testing.assert_frame_equal(found.measures[cells][name][list(table)], table, rtol=1e-4, atol=1e-6)
    pd.testing.assert_frame_equal(found.spectra, spectrum.spectra(hr, estimates, 50), rtol=1e-4)
    psnr = tables.patch_scores(hr[..., None], {"net": net[..., None]}, Normalisation(-5000, 0))["net_psnr"]
    np.testing.assert_allclose(found.measures["all"]["net"]["psnr"], psnr, rtol=1e-5)


def test_scores_have_every_method_in_every_bin_on_both_kinds_of_cells(sides, found):
    methods = ["nearest", "bilinear", "bicubic", "spline", "linear filter", "net"]
    counts = found.scores.groupby(["cells", "slope"], sort=False)["method"].apply(list)
    assert list(counts.index.get_level_values(0)) == ["inner"] * 4 + ["all"] * 4
    assert all(names == methods for names in counts)
    line = found.scores.query("cells == 'all' and slope == 'all' and method == 'net'").iloc[0]
    assert line["rmse"] == pytest.approx(np.sqrt(np.mean((sides[2].astype(float) - sides[1]) ** 2)), rel=1e-4)
    assert line["change"] == pytest.approx(-80, abs=0.1)
    assert line["invented"] < 0.01
    assert line["psnr_low"] < line["psnr"] < line["psnr_high"]
    assert found.scores.query("cells == 'inner'")["psnr"].isna().all()
