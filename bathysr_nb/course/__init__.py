"""The course: run folders, notebook parameters, widgets, the demo and its report.

In: a run folder. Out: what each notebook leaves there, and one page of results. All notebooks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["widgets"],
    submod_attrs={
        "stations": ["Station", "ensure", "refuse_other", "run_name", "training_set"],
        "ground": ["run_grid", "trial_ground"],
        "parameters": ["check_parameters", "preset"],
    },
)
