"""Calibrate the uncertainty of an input file's network: the file layer over `bathysr_nb.training.uncertainty`."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from bathysr_nb.files import store
from bathysr_nb.manual import sets
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.manual.sets import LoadedPairs
from bathysr_nb.manual.training import cell_size
from bathysr_nb.models.build import load_model
from bathysr_nb.training.trainer import MODEL
from bathysr_nb.training.uncertainty import UNCERTAINTY, Uncertainty, calibrate, cannot_calibrate

SHOWN = 0.9  # level that is told in words


def calibrate_params(params: Params, overwrite: bool = False) -> Uncertainty:
    """Calibrate ``log_dir/model.keras`` on the validation set, and write ``log_dir/uncertainty.json``.

    The test set stays untouched, so that it can judge.

    Parameters
    ----------
    params : Params
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Uncertainty

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        If there is no model or no validation set, the file exists, or there are fewer than 8 blocks.
    """
    path = params.log_dir / UNCERTAINTY
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    held_out, block = _held_out(params)
    if fault := cannot_calibrate(held_out.lr, block):
        raise ValueError(f"{params.data_dir / 'validation'}: {fault}")
    model = params.log_dir / MODEL
    found = calibrate(load_model(model), held_out.lr, held_out.hr, block, cell_size(params))
    found = replace(found, model=store.checksum(model))
    store.write_text(path, found.to_json(), overwrite)
    return found


def _held_out(params: Params) -> tuple[LoadedPairs, np.ndarray | None]:
    """The validation set and its blocks."""
    folder = params.data_dir / "validation"
    held_out = sets.load_set(folder, scale=params.scale, input_shape=params.input_shape)
    return held_out, sets.patch_blocks(folder / "data_HR.pkl", held_out.kept)


def calibration_summary(params: Params) -> str:
    """One line: the half-width that log_dir's uncertainty.json says and from how many blocks, or why there is none.

    Parameters
    ----------
    params : Params
    """
    path = params.log_dir / UNCERTAINTY
    if not path.is_file():
        with warnings.catch_warnings(action="ignore"):  # the same warnings came when the training started
            held_out, block = _held_out(params)
        return f"{path}: not written: {cannot_calibrate(held_out.lr, block)}"
    found = Uncertainty.load(path)
    a, b = (found.factor(SHOWN) * value for value in (found.a, found.b))
    return (
        f"{path}: {SHOWN:.0%} of the errors within {a:.2g} m + {b:.2g} x local relief, "
        f"from {found.blocks} held-out blocks"
    )
