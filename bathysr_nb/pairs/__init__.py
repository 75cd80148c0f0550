"""Patch pairs: a depth grid, gaps filled, cut into blocks and low/high resolution patches, split by block.

In: a grid. Out: arrays or pickles of LR and HR patches, with their feature tables. Notebooks 01 and 02.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blocks": [
            "block_split",
            "build_pairs",
            "rm_nan",
            "source_and_target",
            "split_blocks",
            "train_validation_test_split",
        ],
        "dataset": ["Dataset", "SETS", "save_set"],
        "downsampling": ["coarsen", "resize"],
        "features": ["spacing", "write_features"],
        "gaps": ["cleansing", "ocean"],
    },
)
