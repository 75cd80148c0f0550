"""Super-resolution of ocean bathymetric maps with Adaptive Mixup.

A folder for each step from grid to score, in this order: `grids`, `pairs`, `augment`, `mixup`, `models`, `training`,
`maps`, `scores`; notebooks 01 to 08 follow it. Nothing is loaded before it is used, so that the package starts at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "augment",
        "course",
        "files",
        "grids",
        "interpolation",
        "manual",
        "maps",
        "mixup",
        "models",
        "pairs",
        "plots",
        "scores",
        "terrain",
        "training",
        "trial",
    ],
)
