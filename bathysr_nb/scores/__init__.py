"""Scores in metres: per patch and slope bin, with intervals, of networks and of methods that need none.

In: true and estimated patches. Out: tables, sentences and figures. Notebooks 07 and 08.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "tables": ["score_table", "slope_bins", "squared_error", "typical_table", "wide_table"],
        "baselines": ["baseline_estimates", "rivals"],
        "linear": ["LinearFilter"],
        "comparison": ["Ground", "compare"],
        "intervals": ["change_interval", "effective_blocks", "quantiles", "resampled_means"],
        "conformal": ["covering_widths", "local_relief"],
        "typical": ["typical_change"],
        "words": ["change_in_words"],
        "answer": ["by_rmse", "network_sentences", "short_answer"],
        "consistency": ["back_project", "make_consistent"],
        "terrain_measures": ["detail_beyond_bicubic", "invented"],
        "plots": ["error_maps", "invented_maps", "spectra"],
    },
)
