"""Calibrate a model's uncertainty on the sets of a dataset that it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bathysr_nb.files import project, store
from bathysr_nb.models.build import load_model
from bathysr_nb.pairs.features import spacing
from bathysr_nb.training.uncertainty import Uncertainty, calibrate


def calibrate_on(model, *folders, leave_out=()) -> Uncertainty:
    """Calibrate the uncertainty of a model on sets of held-out pairs.

    Parameters
    ----------
    model : path
        ``model.keras``. Relative paths count from the project's root.
    *folders : path
        Sets of one dataset, each with data_LR.pkl, data_HR.pkl and patches.csv, none of them trained on.
    leave_out : sequence of int
        Blocks that are not used, so that they can judge.

    Returns
    -------
    Uncertainty
        For `bathysr_nb.maps.inference.superresolve`; its `to_json` is what ``uncertainty.json`` holds.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or there are fewer than 8 blocks.
    """
    model, folders = project.resolve(model), [project.resolve(folder) for folder in folders]
    lr, hr = (np.concatenate(side) for side in zip(*map(store.load_pair, folders)))
    block = np.concatenate([pd.read_csv(Path(folder) / "patches.csv")["block"] for folder in folders])
    used = ~np.isin(block, leave_out)
    delta = spacing(folders[0] / "data_LR.pkl", lr.shape[1])
    found = calibrate(load_model(model), lr[used], hr[used], block[used], delta)
    return replace(found, model=store.checksum(model))
