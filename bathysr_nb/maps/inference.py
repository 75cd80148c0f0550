"""A whole map from a network: a finer grid with coordinates, made tile by tile.

Tiles overlap by the network's receptive field, so that the map does not depend on how it is cut. Memory depends
on the tile, not on the map. Dask arrays stay lazy and can be computed on a dask.distributed cluster.
"""

from __future__ import annotations

import threading
import time
import warnings
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import xarray as xr
from scipy import ndimage

from bathysr_nb.augment import symmetries
from bathysr_nb.files import project
from bathysr_nb.grids import georeference, vertical
from bathysr_nb.maps import layers
from bathysr_nb.maps.tiles import map_tiles
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import load_model, predictor
from bathysr_nb.models.layers import LocalMean
from bathysr_nb.models.receptive import receptive_field
from bathysr_nb.scores import conformal
from bathysr_nb.scores.consistency import make_consistent
from bathysr_nb.training.training_range import TrainingRange, cell_ratio
from bathysr_nb.training.uncertainty import Uncertainty

TILE = 512  # LR cells
LEAST = 5  # cells along a grid's side: the support of bicubic interpolation
HALO = 32  # LR cells, if the receptive field is unknown
OTHER_CELLS = 1.5  # ratio of cell size to that of the training above which there is a warning
SQUARE_TOLERANCE = 0.01  # relative difference of the sides below which cells count as square
_one_at_a_time = threading.Lock()  # so that threads load a network once, and each tile uses all cores


def superresolve(
    grid: xr.DataArray,
    model,
    *,
    tile: int = TILE,
    average: bool = False,
    uncertainty: float | None = None,
    calibration: Uncertainty | None = None,
    flags: bool = False,
    consistent: bool = False,
    downsampling: str | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Make a grid finer with a network.

    Parameters
    ----------
    grid : DataArray, dims (y, x)
        LR depths in metres, NaN where missing, as `bathysr_nb.grids.read.read_grid` returns them; dims (lat, lon)
        are accepted too.
    model : keras.Model or path
        From metres to metres, or its ``model.keras``. On a cluster give a path that every worker can read:
        each process loads it once. A relative path counts from the project's root.
    tile : int
        LR cells along a tile's side.
    average : bool
        Predict each tile in eight orientations (four where cells are not square) and take the mean.
    uncertainty : float, optional
        A level such as 0.95: also give the half-width that this share of the errors is expected within.
    calibration : Uncertainty, optional
        Where the half-widths come from; None: ``uncertainty.json`` beside the model.
    flags : bool
        Also give `bathysr_nb.maps.applicability.applicability`, each LR cell's flags for all SR cells in it.
    consistent : bool
        Change the map as little as possible so that downsampling it gives `grid` back; see
        `bathysr_nb.scores.consistency.make_consistent`.
    downsampling : {"bilinear", "area"}, optional
        The rule for that; None: the one that the training pairs were made by, from ``training_range.json``.
    progress : bool
        Show a progress bar on a terminal or in JupyterLab.

    Returns
    -------
    Dataset, dims (y, x), float32
        ``elevation`` in metres, with the outer edges and the reference system of `grid`. If asked for, also
        ``uncertainty`` in metres; ``spread``, the standard deviation over the orientations in metres; and
        ``applicability``, uint8. Lazy if `grid` is, else computed.

    Raises
    ------
    FileNotFoundError, ValueError
        If the model is missing or does not enlarge one field by a whole factor; if the grid has no
        coordinates, fewer than 5 cells along a side or only missing cells; if the network predicts NaN; if what
        `uncertainty`, `flags` or `consistent` need is not beside the model, or was made for another.

    Warns
    -----
    UserWarning
        If the cells are more than 1.5 times larger or smaller than those of the training, or these are not
        recorded in ``training_range.json`` beside the model; if the network's receptive field is unknown.

    Notes
    -----
    SR cells are missing where their LR cell is. In the network's input each missing cell is replaced by the nearest
    known depth; `bathysr_nb.maps.applicability.applicability` flags the cells affected. The grid's edge is treated
    like a patch's edge.

    Tiles overlap by the network's `receptive_field`, so that the map does not depend on how it is cut, up to 32-bit
    rounding: 1e-4 m at depths up to 250 m, 1e-3 m up to 8,000 m, and in the manual's form a millionth of the
    training's depth range. If the receptive field is unknown or the whole map, tiles overlap by 32 LR cells, and a
    warning says how visible the `seams` are.

    Examples
    --------
    >>> from bathysr_nb import grids
    >>> from bathysr_nb.models.build import build_model
    >>> from bathysr_nb.models.normalisation import Normalisation
    >>> espcn = build_model("espcn", scale=2, normalisation=Normalisation(-2500, 0, relief=10))
    >>> grid = grids.read_grid(grids.bundled_grid())[600:640, 800:850]
    >>> sr = superresolve(grid, espcn)
    >>> sr.elevation.shape, np.allclose(sr.rio.bounds(), grid.rio.bounds(), rtol=1e-12)
    ((80, 100), True)
    """
    if tile < 1:
        raise ValueError(f"tile is {tile}, expected LR cells along a side")
    grid = _checked(grid)
    model = model if isinstance(model, keras.Model) else str(project.resolve(model))
    network = network_of(model)
    width = layers.half_width(model, uncertainty, calibration)
    rule = layers.downsampling_rule(model, downsampling) if consistent else None
    training = layers.training_range_of(model) if flags else None
    scale, reach = scale_of(network), receptive_field(network)
    _warn_of_other_cells(grid, model)
    if unknown := reach is None:
        warnings.warn(f"{network.name}: receptive field unknown; tiles overlap by {HALO} cells", stacklevel=2)
        reach = HALO
    orientations = _orientations(grid) if average else symmetries.SQUARE[:1]
    lazy = grid.chunks is not None
    seen = max(reach, conformal.REACH if width else 0)
    options = {
        "model": model,
        "cells": scale,
        "reach": seen,
        "orientations": orientations,
        "width": width,
        "rule": rule,
    }
    fields = map_tiles(
        _tile,
        grid.data if lazy else da.from_array(grid.values, chunks=-1),
        tile,
        margin=seen * 3,  # within which all lies that a tile depends on: see _tile
        dtype=np.float32,
        fields=1 + (width is not None) + average,
        scale=scale,
        **options,
    )
    sr = _dataset(grid, fields, scale, width).assign_attrs(history=_history(grid, model, network, options, uncertainty))
    if training:
        layers.add_flags(sr, grid, training, scale, reach)
    layers.name_companions(sr)
    if lazy:
        return sr
    with computing("superresolve", progress):
        sr = sr.compute()
    if unknown:
        warn_of_seams(sr.elevation, scale, max(tile, 3 * HALO))
    return sr


def computing(label: str, progress: bool = True):
    """Context in which dask computes one tile after the other, with a progress bar.

    Parameters
    ----------
    label : str
        Text before the bar.
    progress : bool
        Show the bar on a terminal or in JupyterLab.
    """
    from contextlib import ExitStack

    from tqdm.dask import TqdmCallback

    stack = ExitStack()
    stack.enter_context(dask.config.set(scheduler="synchronous"))
    shape = "{l_bar}{bar}| {elapsed}<{remaining}"
    hidden = None if progress else True
    stack.enter_context(
        TqdmCallback(tqdm_class=project.progress_bar(), desc=label, leave=False, disable=hidden, bar_format=shape)
    )
    return stack


def scale_of(network: keras.Model) -> int:
    """Number of SR cells along an LR cell.

    Parameters
    ----------
    network : keras.Model

    Raises
    ------
    ValueError
        If the network does not enlarge one field by a whole factor of 2 or more.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> scale_of(build_model("fsrcnn", scale=3))
    3
    """
    try:
        shape = tuple(network.compute_output_shape((1, 8, 8, 1)))
    except Exception:  # a network for other inputs can raise anything
        shape = ()
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1 or shape[1] % 8 or shape[1] < 16:
        found = f"turns (1, 8, 8, 1) into {shape}" if shape else f"takes {network.input_shape}"
        raise ValueError(f"{network.name}: not a network for depth grids ({found}); expected (1, 8 scale, 8 scale, 1)")
    return shape[1] // 8


def _checked(grid) -> xr.DataArray:
    source = getattr(grid, "encoding", {}).get("source")
    name, grid = source or "grid", georeference.north_up(grid).astype(np.float32)
    if min(grid.shape) < LEAST:
        raise ValueError(f"{name}: {grid.shape[0]} x {grid.shape[1]} cells; expected at least {LEAST} along each side")
    if grid.chunks is None and not np.isfinite(grid.values).any():
        raise ValueError(f"{name}: all cells are missing")
    grid.encoding |= {"source": source} if source else {}
    return grid


@lru_cache(maxsize=2)
def _loaded(path: str, changed: int) -> keras.Model:  # the time of change is there to miss the cache, nothing else
    return load_model(path)


def network_of(model) -> keras.Model:
    """The network of a model or of its file, which is cached until the file changes.

    Parameters
    ----------
    model : keras.Model or path

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.models.build.load_model`.
    """
    if isinstance(model, keras.Model):
        return predictor(model)
    path = Path(model)
    return predictor(_loaded(str(path), path.stat().st_mtime_ns) if path.is_file() else load_model(path))


def _warn_of_other_cells(grid: xr.DataArray, model) -> None:
    if isinstance(model, keras.Model):
        return
    training = TrainingRange.beside(model)
    if training is None or training.cell_size is None:
        warnings.warn(f"{project.shorten(model)}: trained for an unknown cell size", stacklevel=3)
        return
    size = georeference.cell_size_of(grid)
    ratio = cell_ratio(size, training.cell_size)
    if ratio > OTHER_CELLS:
        warnings.warn(
            f"cells of {size[0]:.4g} x {size[1]:.4g} m are {ratio:.1f} times larger or smaller than the "
            f"{training.cell_size[0]:.4g} x {training.cell_size[1]:.4g} m that the weights were trained for",
            stacklevel=3,
        )


def _orientations(grid: xr.DataArray):
    """All eight symmetries if cells are square, else the four that keep rows as rows."""
    dy, dx = georeference.cell_size_of(grid)
    return symmetries.SQUARE if abs(dy / dx - 1) < SQUARE_TOLERANCE else symmetries.RECTANGLE


def _dataset(grid: xr.DataArray, fields: da.Array, scale: int, width: layers.HalfWidth | None) -> xr.Dataset:
    attributes = {"elevation": vertical.attributes(grid.attrs.get("vertical_datum", vertical.UNKNOWN))}
    attributes |= {layers.UNCERTAINTY: dict(width.attrs)} if width else {}
    attributes[layers.SPREAD] = {"long_name": "standard deviation over flips and turns", "units": "m"}
    variables = {name: (("y", "x"), field, attrs) for field, (name, attrs) in zip(fields, attributes.items())}
    sr = xr.Dataset(variables, georeference.finer_axes(grid, scale))
    if grid.rio.crs is not None:
        sr = sr.rio.write_crs(grid.rio.crs)
    for field in sr.data_vars.values():
        field.attrs |= {key: grid.attrs[key] for key in ("coordinates_from",) if key in grid.attrs}
        field.attrs["cell_size"] = tuple(size / scale for size in georeference.cell_size_of(grid))
    return sr


def _history(grid: xr.DataArray, model, network: keras.Model, options: dict, level: float | None) -> str:
    of = "" if isinstance(model, keras.Model) else f" of {project.shorten(model)}"
    source = f" from {grid.encoding['source']}" if "source" in grid.encoding else ""
    mean = f", mean of {count} orientations" if (count := len(options["orientations"])) > 1 else ""
    same = f", consistent by the {options['rule']} rule" if options["rule"] else ""
    band = "" if level is None else f", uncertainty at {100 * level:.4g}%"
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    made = f"{network.name}{of}, scale {options['cells']}{source}{mean}{same}{band}"
    return f"{now} bathysr-nb {metadata.version('bathysr-nb')} superresolve: {made}"


def _tile(window, inner, *, model, cells: int, reach: int, orientations, width, rule) -> np.ndarray:
    """One tile of the map: shape (fields, h cells, w cells), where an LR cell becomes `cells` x `cells`.

    The network sees the tile and `reach` cells around it. A missing cell that a known cell of the tile sees is at
    most sqrt(2) `reach` from it, so the nearest known depth, which replaces it, lies within 3 `reach` of the tile.
    """
    with _one_at_a_time:
        network = network_of(model)
        missing = ~np.isfinite(window)
        if missing[inner].all():
            shape = tuple((side.stop - side.start) * cells for side in inner)
            return np.full((1 + (width is not None) + (len(orientations) > 1), *shape), np.nan, np.float32)
        halo = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in inner)
        patch = fill_missing(window)[halo]
        fields = _averaged(network, patch, orientations)
    own = tuple(slice(side.start - around.start, side.stop - around.start) for side, around in zip(inner, halo))
    tile = tuple(slice(side.start * cells, side.stop * cells) for side in own)
    fields = fields[:, tile[0], tile[1]]
    if not np.isfinite(fields.sum()):  # one NaN makes the sum NaN, and no array of booleans is needed
        raise ValueError(f"{network.name}: the weights predict NaN; take those of an earlier epoch")
    if rule:
        fields[:1] = make_consistent(fields[:1], patch[None][:, own[0], own[1]], rule)
    if width:
        fields = _with_second(fields, width.a + width.b * conformal.local_relief(patch)[own], cells)
    if missing[inner].any():
        fields[:, missing[inner].repeat(cells, 0).repeat(cells, 1)] = np.nan
    return fields


def _with_second(fields: np.ndarray, coarse: np.ndarray, cells: int) -> np.ndarray:
    """The fields with another after the first, whose LR cells are repeated; written once, as copies take time."""
    more = np.empty((len(fields) + 1, *fields.shape[1:]), np.float32)
    more[0], more[2:] = fields[0], fields[1:]
    more[1].reshape(coarse.shape[0], cells, coarse.shape[1], cells)[...] = coarse[:, None, :, None]
    return more


def fill_missing(depth: np.ndarray) -> np.ndarray:
    """Replace each missing depth by the nearest known one.

    Parameters
    ----------
    depth : ndarray, shape (rows, cols)
        At least one known.

    Examples
    --------
    >>> fill_missing(np.array([[-5.0, np.nan, np.nan, -9.0]]))
    array([[-5., -5., -9., -9.]])
    """
    missing = ~np.isfinite(depth)
    if not missing.any():
        return depth
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return depth[tuple(nearest)]


def _averaged(network: keras.Model, patch: np.ndarray, orientations) -> np.ndarray:
    """Mean over the orientations and, where there are several, their standard deviation; float32."""
    # sums of differences to the first keep their digits at depth; no list of eight fields has to be held in memory
    first = _predicted(network, patch, *orientations[0])
    if len(orientations) == 1:
        return first[None]
    total, squares = np.zeros_like(first, np.float64), np.zeros_like(first, np.float64)
    for orientation in orientations[1:]:
        difference = _predicted(network, patch, *orientation).astype(np.float64) - first
        total += difference
        squares += difference**2
    mean = total / len(orientations)
    spread = np.sqrt(np.maximum(squares / len(orientations) - mean**2, 0))
    return np.stack([first + mean, spread]).astype(np.float32)


def _predicted(network: keras.Model, patch: np.ndarray, quarters: int, mirrored: bool) -> np.ndarray:
    """Prediction for a patch in one orientation, turned back; float32."""
    level = _level(network, patch)
    lr = np.ascontiguousarray(symmetries.orient(patch, quarters, mirrored) - level, dtype=np.float32)
    sr = np.require(network.predict_on_batch(lr[None, ..., None]), np.float32, "W")[0, ..., 0]
    sr += level
    return symmetries.restore(sr, quarters, mirrored)


def _level(network: keras.Model, patch: np.ndarray) -> np.float32:
    """Whole metres to subtract before and to add after the network, as 32-bit rounding is coarse at great depth.

    Only the residual form, which sees depths relative to their local mean, passes a constant through unchanged.
    """
    residual = any(isinstance(layer, LocalMean) for layer in network.layers)
    return np.float32(np.rint(np.median(patch)) if residual else 0)


def seams(sr: xr.DataArray, scale: int, tile: int = TILE) -> tuple[float, float]:
    """Roughness of a map across the edges of its tiles and across all other edges of LR cells.

    Parameters
    ----------
    sr : DataArray or ndarray, shape (rows, cols)
        A map, metres.
    scale : int
    tile : int
        LR cells along the side of its tiles.

    Returns
    -------
    (float, float)
        At tile edges and at the others: root mean square, in metres, of the difference between the step across the
        edge and the mean of the steps before and after it. Equal if there are no seams; NaN if there are no such
        edges.

    Examples
    --------
    >>> plane = np.arange(16.0)[:, None] + np.zeros(16)
    >>> plane[8:] += 3
    >>> [round(rough, 2) for rough in seams(plane, scale=2, tile=4)]
    [2.12, 0.0]
    """
    sr = np.asarray(sr, dtype=np.float64)
    at_tiles, elsewhere = [], []
    for depth in (sr, sr.T):
        edges = np.arange(scale, len(depth) - 1, scale)
        edges = edges[edges > 1]
        step = np.diff(depth, axis=0)
        kink = step[edges - 1] - (step[edges - 2] + step[edges]) / 2
        border = edges % (tile * scale) == 0
        at_tiles.append(kink[border].ravel())
        elsewhere.append(kink[~border].ravel())
    return tuple(_root_mean_square(np.concatenate(kinks)) for kinks in (at_tiles, elsewhere))


def warn_of_seams(sr: xr.DataArray, scale: int, tile: int = TILE) -> None:
    """Warn how visible the seams of a map are, if it has more than one tile.

    Parameters
    ----------
    sr, scale, tile
        See `seams`.
    """
    at_tiles, elsewhere = seams(sr, scale, tile)
    if not np.isnan(at_tiles):
        found = f"steps at the edges of tiles: {at_tiles:.3g} m, at other edges of LR cells: {elsewhere:.3g} m (rms)"
        warnings.warn(found, stacklevel=3)


def _root_mean_square(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
