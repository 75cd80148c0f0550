"""Augmentation: flips, turns, zooms and depth stretches of patch pairs, offline and while training.

In: patch pairs. Out: more patch pairs. Notebook 03.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "offline": [
            "VARIANTS",
            "flip",
            "flip_pairs",
            "rotate_pairs",
            "scale_pairs",
            "variant",
            "variants",
        ],
        "resample": ["ANGLES", "FILL_MODES", "rotate", "stretch", "zoom"],
    },
)
