"""Whole maps: a grid made finer in overlapping tiles, and where its terrain is outside the training range.

In: a grid and a trained model. Out: a finer grid, and how far it may be off. Notebook 07.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "inference": ["fill_missing", "superresolve"],
        "calibration": ["calibrate_on"],
        "mapfile": ["superresolve_file"],
    },
)
