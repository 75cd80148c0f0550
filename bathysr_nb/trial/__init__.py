"""The trial of training sets (`bathysr ablate`): the same network trained on each, its *arms*, with equal budgets.

In: a grid and a settings file. Out: scores and a verdict. Notebooks 04 and 08.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "settings": ["REFERENCE", "load_settings"],
        "areas": ["cut_areas"],
        "jobs": ["run_trial"],
        "comparison": ["PLAIN_METHODS", "score_trial", "why_table"],
        "forms": ["FORMS"],
        "plots": ["ladder", "rung"],
        "verdict": ["in_short", "ladder_table", "read_trial", "verdict_sentences", "write_verdict"],
    },
)
