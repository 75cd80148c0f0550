"""Apply a function to a grid tile by tile with dask, each tile with a margin of its neighbours."""

from __future__ import annotations

import uuid

import dask.array as da
import numpy as np


def map_tiles(function, grid, tile: int, margin: int, *, dtype, fields: int = 1, scale: int = 1, **options) -> da.Array:
    """Apply a function to each tile of a grid, with a margin of its neighbours.

    Parameters
    ----------
    function : callable
        Takes a tile with its margin, shape (h, w), the two slices that cut the tile out of it, and the options;
        returns shape (fields, rows scale, cols scale) for the tile alone. At the grid's edge there is no margin.
    grid : dask array, shape (rows, cols)
    tile : int
        Cells along a tile's side, at least the margin. A remainder at the lower or right end that is smaller than
        the margin joins the tile before it.
    margin : int
        Cells that a tile gets of each neighbour.
    dtype : dtype
        Of what the function returns.
    fields : int
        Fields that the function returns.
    scale : int
        Cells along a side for each cell of the grid.
    **options
        Passed to the function.

    Returns
    -------
    dask array, shape (fields, rows scale, cols scale)

    Examples
    --------
    >>> highest = lambda window, inner: np.full((1, *window[inner].shape), window.max())
    >>> map_tiles(highest, da.arange(6, chunks=6)[None], 2, 1, dtype=int).compute()
    array([[[2, 2, 4, 4, 5, 5]]])
    """
    chunks = tuple(tile_sizes(size, tile, margin) for size in grid.shape)
    depth = {axis: margin if len(sizes) > 1 else 0 for axis, sizes in enumerate(chunks)}
    windows = grid.rechunk(chunks)
    if any(depth.values()):
        windows = da.overlap.overlap(windows, depth, "none", allow_rechunk=False)
    finer = [tuple(size * scale for size in sizes) for sizes in chunks]
    return da.map_blocks(
        _on_tile,
        windows,
        function=function,
        margin=margin,
        options=options,
        # a random name spares dask from hashing the options, which may include a network
        name=f"{getattr(function, '__name__', 'tiles').strip('_')}-{uuid.uuid4().hex}",
        chunks=((fields,), *finer),
        new_axis=0,
        meta=np.empty((0, 0, 0), dtype),
    )


def tile_sizes(cells: int, tile: int, margin: int) -> tuple[int, ...]:
    """Sizes of the tiles along an axis, none smaller than the margin unless it is the only one.

    Parameters
    ----------
    cells, tile, margin : int
        Length of the axis, and as in `map_tiles`.

    Examples
    --------
    >>> tile_sizes(23, 10, 3), tile_sizes(23, 10, 4), tile_sizes(3, 10, 4)
    ((10, 10, 3), (10, 13), (3,))
    """
    whole, remainder = divmod(cells, max(tile, margin))
    if not whole:
        return (cells,)
    sizes = [max(tile, margin)] * whole
    if remainder >= max(margin, 1):
        sizes.append(remainder)
    else:
        sizes[-1] += remainder
    return tuple(sizes)


def _on_tile(window, block_info=None, *, function, margin, options):
    """Call the function with the slices of the tile: dask tells by `block_info` where the tile lies in the grid."""
    info = block_info[0]
    places = zip(window.shape, info["chunk-location"], info["num-chunks"])
    inner = tuple(slice(margin if at else 0, size - (margin if at < n - 1 else 0)) for size, at, n in places)
    return function(window, inner, **options)
