"""Training: one network on one training set; a killed run resumes from its saved state.

In: patch pairs and a recipe. Out: a trained model, its history, its training range and its uncertainty. Notebook 06.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "trainer": ["train"],
        "recipe": ["Recipe"],
        "losses": ["get_loss"],
        "uncertainty": ["Uncertainty", "calibrate"],
    },
)
