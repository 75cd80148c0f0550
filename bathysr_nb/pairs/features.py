"""Feature tables beside pickles of patches, and the cell size recorded in ``patches.csv``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bathysr_nb.files import store
from bathysr_nb.terrain import feature_table


def spacing(pickle_path, rows: int) -> tuple[float, float]:
    """Cell size of a pickle's patches, from ``patches.csv`` beside it.

    Parameters
    ----------
    pickle_path : path
        E.g. ``dataset/train/data_LR.pkl``.
    rows : int
        Rows of its patches: they distinguish LR from HR.

    Returns
    -------
    (float, float)
        (dy, dx) in metres.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no ``patches.csv``, or it describes patches of another size; then give the
        cell size yourself (``--delta``).
    """
    path = Path(pickle_path).with_name("patches.csv")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file, so the cell size is unknown; give it in metres (--delta)")
    first = pd.read_csv(path, nrows=1).iloc[0]
    by_rows = {int(first["hr_rows"]): 1, int(first["hr_rows"] // first["scale"]): int(first["scale"])}
    if rows not in by_rows:
        expected = " or ".join(map(str, by_rows))
        raise ValueError(
            f"{pickle_path}: patches have {rows} rows, but {path} says {expected}; give the cell size (--delta)"
        )
    return float(first["hr_dy"] * by_rows[rows]), float(first["hr_dx"] * by_rows[rows])


def write_features(pickle_path, delta=None, overwrite: bool = False) -> pd.DataFrame:
    """Write the feature table of a patch pickle beside it (``data_HR.pkl`` -> ``data_HR.csv``).

    Parameters
    ----------
    pickle_path : path
        Pickle of patches, shape (n, h, w, 1).
    delta : float or (float, float), optional
        Cell size in metres, or (dy, dx); None takes it from ``patches.csv`` (`spacing`).
    overwrite : bool
        Replace an existing table.

    Returns
    -------
    DataFrame
        As `feature_table`.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        If the pickle or the cell size is missing, the table exists, or a cell is missing or infinite.

    Notes
    -----
    Manual 1.3, ``bathymetric_map_feature.py`` and ``bathymetric_map_feature_LR.py``.
    """
    path = Path(pickle_path)
    patches = store.load_patches(path)
    store.check_complete(path, patches)
    table = feature_table(patches, spacing(path, patches.shape[1]) if delta is None else delta)
    store.write_text(path.with_suffix(".csv"), table.to_csv(), overwrite=overwrite)
    return table
