"""The five networks, their layers, and models that take and give metres.

In: a network's name and options. Out: a Keras model. Notebook 05.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["drawing", "esrgan", "gan", "layers"],
    submod_attrs={
        "build": ["BEST", "MODELS", "build_model", "load_model", "predictor"],
        "options": ["check_name", "default_options"],
        "weights": ["load_weights"],
        "backend": ["keras"],
        "normalisation": ["Normalisation"],
    },
)
