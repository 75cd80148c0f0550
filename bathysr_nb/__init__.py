"""Super-resolution of ocean bathymetric maps with Adaptive Mixup.

One module a station of the data's way: `grids`, `blocks`, `dataset`, `terrain`, `augment`, `mixup`,
`models`, `train`, `evaluate`; notebooks 01 to 08 walk it. Those that need Keras
(`layers`, `losses`, `metrics`, `models`, `train`) are imported by name, so that the light ones start
at once.
"""

from bathysr_nb.augment import flip, variants
from bathysr_nb.blocks import block_split, build_pairs, rm_nan, source_and_target, train_validation_test_split
from bathysr_nb.dataset import Dataset, cleansing, save_set
from bathysr_nb.evaluate import score_table, slope_bins, squared_error
from bathysr_nb.grids import bundled_grid, read_grid, write_grid
from bathysr_nb.interpolation import enlarge, resize
from bathysr_nb.mixup import adaptive_mixup, blend, solve_lambda
from bathysr_nb.store import load_pair, load_patches, save_pair, save_patches
from bathysr_nb.synthetic import seafloor
from bathysr_nb.terrain import feature_table, mean_slope_gradient

__all__ = [
    "Dataset",
    "adaptive_mixup",
    "blend",
    "block_split",
    "build_pairs",
    "bundled_grid",
    "cleansing",
    "enlarge",
    "feature_table",
    "flip",
    "load_pair",
    "load_patches",
    "mean_slope_gradient",
    "read_grid",
    "resize",
    "rm_nan",
    "save_pair",
    "save_patches",
    "save_set",
    "score_table",
    "seafloor",
    "slope_bins",
    "solve_lambda",
    "source_and_target",
    "squared_error",
    "train_validation_test_split",
    "variants",
    "write_grid",
]
