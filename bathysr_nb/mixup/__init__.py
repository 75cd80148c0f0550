"""Adaptive Mixup: a training set steered towards the terrain of a target.

In: source pairs and a target distribution. Out: blended and picked pairs. Notebook 04.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["plots"],
    submod_attrs={
        "planning": ["POLICIES", "Picked", "Plan", "adaptive_mixup", "plan"],
        "blending": ["blend", "solve_lambda"],
    },
)
