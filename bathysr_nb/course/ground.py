"""The grid of a run: read again as notebook 01 read it, so that a run never shows another ground."""

from __future__ import annotations

import xarray as xr

from bathysr_nb import grids, pairs
from bathysr_nb.course.stations import ensure
from bathysr_nb.files.record import read_record

FIRST = "01_build_dataset"


def run_grid(run_dir) -> xr.DataArray:
    """The depth grid that notebook 01 of a run cut into pairs.

    Parameters
    ----------
    run_dir : path
        The run folder; see `bathysr_nb.course.stations.run_folder`.

    Returns
    -------
    DataArray, dims (y, x)
        As `bathysr_nb.grids.read.read_grid` returns it with the run's ``reading``; land is missing unless the run
        keeps it, gaps are left.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.course.stations.ensure` and `bathysr_nb.grids.read.read_grid`.
    """
    parameters = read_record(ensure(run_dir, FIRST))["parameters"]
    reading = parameters.get("reading", {})
    depth = grids.read_grid(parameters["grid"], **reading | {"land": "keep"})
    depth.values = pairs.ocean(depth.values, None, reading.get("land", "mask"))
    return depth
