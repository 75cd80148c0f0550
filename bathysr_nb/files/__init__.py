"""Files: safe pickles, checked YAML, atomic writes, run records, the project's folders.

In: paths. Out: arrays and settings; files that are complete or absent. Every notebook uses it, none teaches it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "store": ["load_pair", "load_patches", "save_pair", "save_patches", "write_text"],
        "project": ["resolve", "root"],
        "record": ["versions"],
    },
)
