"""Synthetic seafloor for tests and benchmarks, never for a result.

On random-phase relief no network beats a linear filter, so a score on it says nothing
about the method. It exists because tests need seafloor of any size, instantly.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

#: Depth (m), relief (m), spectral slope, number of scarps and cones per 1000 km2, and their height (m).
PROVINCES = {
    "trough": {"depth": -1500.0, "relief": 40.0, "beta": 3.6, "scarps": 2.0, "cones": 1.0, "height": 60.0},
    "ridge": {"depth": -2500.0, "relief": 200.0, "beta": 3.6, "scarps": 12.0, "cones": 8.0, "height": 350.0},
}


def _fractal(shape, beta, rng) -> np.ndarray:
    """Relief with power falling as wavenumber ** -beta, mean 0, standard deviation 1."""
    ky, kx = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]
    wavenumber = np.hypot(ky, kx).astype(np.float32)
    wavenumber[0, 0] = np.inf
    spectrum = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    relief = fft.irfft2(spectrum * wavenumber ** (-beta / 2), s=shape)
    return (relief - relief.mean()) / relief.std()


def _add_scarps(depth, rng, *, cell, count, height) -> None:
    """Add fault scarps: one side of a line drops, smoothed over three cells, fading along strike."""
    rows, cols = depth.shape
    for _ in range(count):
        cy, cx, half = rng.uniform(0, rows), rng.uniform(0, cols), rng.uniform(2e3, 8e3) / cell
        y0, y1, x0, x1 = int(max(0, cy - half)), int(cy + half) + 1, int(max(0, cx - half)), int(cx + half) + 1
        window = depth[y0:y1, x0:x1]
        y, x = np.ogrid[y0 : y0 + window.shape[0], x0 : x0 + window.shape[1]]
        strike = rng.normal(0.7, 0.3)
        across = (y - cy) * np.cos(strike) - (x - cx) * np.sin(strike)
        fade = np.clip(1 - np.hypot(y - cy, x - cx) / half, 0, None)
        window -= height * rng.exponential() * fade / (1 + np.exp(np.clip(-across / 3, -30, 30)))


def _add_cones(depth, rng, *, cell, count, height) -> None:
    """Add volcanic cones."""
    rows, cols = depth.shape
    for _ in range(count):
        cy, cx = rng.uniform(0, rows), rng.uniform(0, cols)
        top = height * (0.3 + rng.exponential())
        radius = top / rng.uniform(0.2, 0.4) / cell
        y0, y1, x0, x1 = int(max(0, cy - radius)), int(cy + radius) + 1, int(max(0, cx - radius)), int(cx + radius) + 1
        window = depth[y0:y1, x0:x1]
        y, x = np.ogrid[y0 : y0 + window.shape[0], x0 : x0 + window.shape[1]]
        window += top * np.clip(1 - np.hypot(y - cy, x - cx) / radius, 0, None)


def seafloor(
    shape=(400, 400), cell: float = 50.0, *, province: str = "trough", seed: int = 0, missing: float = 0.0
) -> np.ndarray:
    """Make a seafloor of fractal relief, fault scarps and volcanic cones.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    cell : float
        Cell size in metres.
    province : {"trough", "ridge"}
        Gentle or steep terrain.
    seed : int
    missing : float
        Share of the cells, in [0, 1), set to NaN at random.

    Returns
    -------
    ndarray, shape `shape`, float32
        Depths in metres, negative down.

    Raises
    ------
    ValueError
        If the province is unknown or `missing` is out of range.

    Examples
    --------
    >>> seafloor((64, 64), missing=0.1).shape
    (64, 64)
    """
    if province not in PROVINCES:
        raise ValueError(f"unknown province {province!r}; choose one of {', '.join(PROVINCES)}")
    if not 0 <= missing < 1:
        raise ValueError(f"missing is {missing}, expected a share in [0, 1)")
    p, rng = PROVINCES[province], np.random.default_rng(seed)
    area = shape[0] * shape[1] * (cell / 1e3) ** 2 / 1e3  # in 1000 km2
    extent = max(shape) * cell / 100e3  # a fractal's relief grows with the size of the map
    depth = _fractal(shape, p["beta"], rng) * np.float32(p["relief"] * extent ** (p["beta"] / 2 - 1))
    _add_scarps(depth, rng, cell=cell, count=rng.poisson(p["scarps"] * area), height=p["height"])
    _add_cones(depth, rng, cell=cell, count=rng.poisson(p["cones"] * area), height=p["height"])
    depth = np.minimum(depth + np.float32(p["depth"]), np.float32(-1))
    if missing:
        depth[rng.random(shape, dtype=np.float32) < missing] = np.nan
    return depth.astype(np.float32)
