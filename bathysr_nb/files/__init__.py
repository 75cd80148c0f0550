"""Files: safe pickles, YAML with line numbers, atomic writes, run records, the project's folders.

In: paths. Out: arrays, settings and files that are whole or not there. No notebook of its own: all use it.
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
