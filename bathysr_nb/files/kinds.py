"""Annotated types for input files: what each value must be, and the words an error uses for it.

`bathysr_nb.files.yamlfile` checks values against them.
"""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Annotated, Literal

from bathysr_nb.files.yamlfile import Limit

Count = Annotated[int, Limit("a whole number above 0", lambda n: n > 0)]
Seed = Annotated[int, Limit(f"a whole number from 0 to {2**32 - 1}", lambda n: 0 <= n < 2**32)]
Positive = Annotated[float, Limit("a number above 0", lambda x: x > 0)]
Weight = Annotated[float, Limit("a number of at least 0", lambda x: x >= 0)]
Share = Annotated[float, Limit("a number from 0 to 1", lambda x: 0 <= x <= 1)]
Rate = Annotated[float, Limit("a number of at least 1", lambda x: x >= 1)]
Noise = Annotated[float, Limit("a number from 0 to 0.5", lambda x: 0 <= x <= 0.5)]
Degrees = Annotated[float, Limit("degrees from 0 to 180", lambda x: 0 <= x <= 180)]
Text = Annotated[str, Limit("text", bool)]
Name = Annotated[
    str, Limit("a folder name without a path", lambda s: PureWindowsPath(s).name == s and s not in ("", ".."))
]

Kernel = Annotated[int, Limit("an odd whole number above 0", lambda n: n > 0 and n % 2 == 1)]
Kernels = Annotated[tuple[Kernel, ...], Limit("a list of odd whole numbers above 0", bool)]
Filters = Annotated[tuple[Count, ...], Limit("a list of whole numbers above 0", bool)]
LossWeights = Annotated[tuple[Weight, Weight], Limit("[content, adversarial], at least 0 and not both 0", any)]
Factors = Annotated[tuple[Positive, Positive], Limit("[low, high] with 0 < low <= high", lambda r: r[0] <= r[1])]
Depths = Annotated[tuple[float, float], Limit("[low, high] with low < high", lambda r: r[0] < r[1])]
Shape = Annotated[tuple[Count, Count, Literal[1]], Limit("[rows, columns, 1], each above 0", bool)]
Names = Annotated[tuple[tuple[Text, Text], ...], Limit("a list of pairs of file names, [[HR, LR], ...]", bool)]

Residual = Literal["bicubic"] | None
