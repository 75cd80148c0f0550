"""The grid of a run: read again as notebook 01 read it, so that a run never shows another ground."""

from __future__ import annotations

import xarray as xr

from bathysr_nb import grids, pairs
from bathysr_nb.course.stations import ensure
from bathysr_nb.files import project
from bathysr_nb.files.record import read_record

FIRST = "01_build_dataset"
#: Parameters of notebook 01 that a trial's settings know by the same name.
_SHARED = ("block_cells", "patch_cells", "stride", "scale", "source_share", "validation_size")


def _cut_with(run_dir) -> dict:
    """The parameters that notebook 01 of a run had."""
    return read_record(ensure(run_dir, FIRST))["parameters"]


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
    parameters = _cut_with(run_dir)
    reading = parameters.get("reading", {})
    depth = grids.read_grid(parameters["grid"], **reading | {"land": "keep"})
    depth.values = pairs.ocean(depth.values, None, reading.get("land", "mask"))
    return depth


def trial_ground(run_dir) -> dict:
    """Settings of a trial of training sets (`bathysr_nb.trial.settings.Ablation`) on the ground of a run.

    Parameters
    ----------
    run_dir : path
        The run folder; see `bathysr_nb.course.stations.run_folder`.

    Returns
    -------
    dict
        The grid, how it is read and how notebook 01 cut it.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.course.stations.ensure`.
    """
    parameters = _cut_with(run_dir)
    ground = {"grid": str(project.resolve(parameters["grid"])), "kernel_size": parameters["kernel_size"] or None}
    ground |= {"split_seed": parameters["seed"]} | {name: parameters[name] for name in _SHARED}
    return ground | parameters.get("reading", {})
