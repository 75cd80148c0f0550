"""Depth grids: read, georeferenced and written; synthetic seafloor for tests.

In: NetCDF, GeoTIFF, BAG, ESRI ASCII, XYZ, Surfer, S-102 or a pickle. Out: an xarray of depths in metres, negative down,
with its cell size and datum. Notebook 01.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "read": ["bundled_grid", "read_grid", "Reading"],
        "write": ["write_grid"],
        "synthetic": ["seafloor"],
    },
)
