import numpy as np
import pytest

from bathysr_nb import interpolation
from bathysr_nb.grids import synthetic
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.pairs import downsampling
from bathysr_nb.scores import comparison
from bathysr_nb.scores.comparison import Ground, compare
from bathysr_nb.scores.linear import LinearFilter
from bathysr_nb.terrain import mean_slope_gradient

N = comparison.BATCH + 14


@pytest.fixture(scope="session")
def sides():
    """LR, HR and the estimate of a network that adds four fifths of what bicubic lacks; patches in 27 blocks of 10."""
    hr = synthetic.seafloor((15 * 16, 18 * 16), province="ridge", seed=5).reshape(15, 16, 18, 16).swapaxes(1, 2)
    hr = hr.reshape(N, 16, 16).astype(np.float32)
    lr = downsampling.resize(hr, 2)
    return lr, hr, interpolation.enlarge(lr, 2) + 0.8 * (hr - interpolation.enlarge(lr, 2))


@pytest.fixture(scope="session")
def ground(sides):
    return Ground(mean_slope_gradient(sides[1], 50), np.repeat(np.arange(27), 10), (50.0, 50.0), "bilinear")


@pytest.fixture(scope="session")
def edges(ground):
    return tuple(np.quantile(ground.slope, [0.3, 0.9]))


@pytest.fixture(scope="session")
def found(sides, ground, edges):
    """The comparison of that network, called "net", with what needs no network."""
    lr, hr, net = sides
    options = {"normalisation": Normalisation(-5000, 0), "linear": LinearFilter.fit(lr[::2], hr[::2]), "edges": edges}
    return compare(lr, hr, {"net": net}, ground, **options)
