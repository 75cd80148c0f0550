"""A whole map from file to file: the file layer over `inference` and `applicability`."""

from __future__ import annotations

from pathlib import Path

import dask

from bathysr_nb import grids
from bathysr_nb.files import project
from bathysr_nb.grids.write import BAG_FIELDS, check_writable, write_grid
from bathysr_nb.maps.applicability import FLAGS
from bathysr_nb.maps.applicability import applicability as applicability_map
from bathysr_nb.maps.inference import HALO, TILE, computing, network_of, scale_of, superresolve, warn_of_seams
from bathysr_nb.maps.layers import training_range_of
from bathysr_nb.models.receptive import receptive_field

READ = 1024  # cells along the side of the chunks that are read


def superresolve_file(
    model,
    source,
    target,
    *,
    tile: int = TILE,
    average: bool = False,
    applicability=None,
    uncertainty: float | None = None,
    flags: bool = False,
    consistent: bool = False,
    downsampling: str | None = None,
    overwrite: bool = False,
    **reading,
) -> str:
    """Make the depth grid of a file finer and write it tile by tile.

    Parameters
    ----------
    model : path
        ``model.keras``, as a training writes it. Relative paths count from the project's root.
    source : path
        A depth grid.
    target : path
        .nc: compressed NetCDF; .tif: cloud-optimised GeoTIFF. What is asked for beside the elevation becomes further
        fields or bands, in this order: uncertainty, spread, applicability. .bag: elevation and uncertainty alone.
    tile, average, uncertainty, flags, consistent, downsampling
        See `bathysr_nb.maps.inference.superresolve`.
    applicability : path, optional
        Also write where the grid lies outside the training range, cell by cell of the grid, into a file of its own; see
        `bathysr_nb.maps.applicability.applicability`.
    overwrite : bool
        Replace existing files.
    **reading
        Passed to `bathysr_nb.grids.read.read_grid`.

    Returns
    -------
    str
        What was written, one line for each file.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        As `bathysr_nb.grids.read.read_grid`, `bathysr_nb.grids.write.write_grid` and
        `bathysr_nb.maps.inference.superresolve`; before anything is computed.
    """
    paths = [project.resolve(path).resolve() for path in (source, target, applicability) if path is not None]
    for path in paths[1:]:
        check_writable(path, overwrite)
    if len(set(paths)) < len(paths):
        raise ValueError(f"{project.shorten(paths[-1])}: grid, map and applicability must be different files")
    model = project.resolve(model)
    network = network_of(model)
    if applicability is not None:
        training_range_of(model)
    grid = grids.read_grid(source, chunks=READ, **reading)
    options = {"uncertainty": uncertainty, "flags": flags, "consistent": consistent, "downsampling": downsampling}
    sr = superresolve(grid, model, tile=tile, average=average, **options)
    left_out = []
    if Path(target).suffix.lower() == ".bag":
        left_out = [field for field in sr.data_vars if field not in BAG_FIELDS]
        sr = sr.drop_vars(left_out)
    with computing("superresolve"):
        write_grid(sr, target, overwrite)
    reach = receptive_field(network)
    if reach is None:
        written = grids.read_grid(target).values
        warn_of_seams(written, scale_of(network), max(tile, 3 * HALO))
    dy, dx = sr.elevation.attrs["cell_size"]
    lines = [f"{project.shorten(target)}: {sr.sizes['y']} x {sr.sizes['x']} cells of {dy:.4g} x {dx:.4g} m"]
    if left_out:
        lines[0] += f"; a BAG has no room for {', '.join(left_out)}"
    if applicability is not None:
        reach = HALO if reach is None else reach
        lines.append(_write_applicability(grid, model, reach, target=applicability, overwrite=overwrite))
    return "\n".join(lines)


def _write_applicability(grid, model: Path, reach: int, *, target, overwrite: bool) -> str:
    """Write the map of the training range; how much of the grid lies outside, in words."""
    flags = applicability_map(grid, training_range_of(model), reach)
    write_grid(flags.to_dataset(), target, overwrite)
    bits = (FLAGS["depth_outside_training"] | FLAGS["slope_outside_training"], FLAGS["near_missing"])
    found = [(flags & bit > 0).sum() for bit in bits] + [(flags != FLAGS["missing"]).sum()]
    outside, near, known = dask.compute(*found)
    shares = f"{outside / known:.1%} are outside the training range, {near / known:.1%} see a missing cell"
    return f"{project.shorten(target)}: of the known cells, {shares}"
