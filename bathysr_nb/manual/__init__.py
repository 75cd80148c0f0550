"""Front ends for the program manual's input files: `bathysr train`, `test`, `evaluate`, `mixup`, `flip` and so on.

In: a YAML as the manual prints it. Out: the files that the manual describes. No notebook: the command line.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "inputfile": ["load_params"],
        "sets": ["load_set"],
    },
)
