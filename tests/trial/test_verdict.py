import numpy as np
import pandas as pd

from bathysr_nb.trial import verdict


def test_verdict_in_words():
    row = {"model": "espcn", "cells": "inner", "slope": "all", "method": "adaptive_mixup"}
    table = pd.DataFrame([row | {"change": -3.0, "low": -5.0, "high": -1.0}])
    assert "better, RMSE -3.0%" in verdict.verdict_sentences(table)[0]
    assert "worse, RMSE +2.0%" in verdict.verdict_sentences(table.assign(change=2.0, low=0.5, high=3.0))[0]
    assert "no clear difference" in verdict.verdict_sentences(table.assign(high=1.0))[0]
    assert "too few blocks" in verdict.verdict_sentences(table.assign(low=np.nan, high=np.nan))[0]
