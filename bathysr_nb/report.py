"""Tables for readers."""

from __future__ import annotations

import pandas as pd


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, the index left out.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"slope": ["0-0.05"], "rmse": [1.5]})))
    | slope | rmse |
    | --- | --- |
    | 0-0.05 | 1.5 |
    """
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).values.tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
