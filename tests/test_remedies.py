"""A remedy that a message names must work when it is typed, in every verb that reads a grid."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin

from bathysr_nb import cli, grids
from bathysr_nb.models.build import build_model
from bathysr_nb.models.normalisation import Normalisation

SIDE = 260


def positive(path, depth):
    _tif(path, -depth)


def fill(path, depth):
    depth[5:9, 5:9] = np.finfo("f4").min
    _tif(path, depth)


def without_place(path, depth):
    _tif(path, depth, crs=None, transform=from_origin(120, 10, 1 / 240, 1 / 240))


def bands(path, depth):
    _tif(path, np.stack([depth, depth * 0]))


FAULTS = {"positive": positive, "missing_value": fill, "crs": without_place, "variable": bands}


def _tif(path, depth, crs="EPSG:32651", transform=None):
    depth = np.atleast_3d(depth.astype("f4").T).T
    options = {"count": len(depth), "height": SIDE, "width": SIDE, "dtype": "float32", "crs": crs}
    transform = transform or from_origin(4e5, 8e6, 50, 50)
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **options) as file:
        file.write(depth)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    build_model("espcn", scale=2, normalisation=Normalisation(-9000, 0)).save(path)
    return path


def commands(folder: Path, model: Path) -> dict[str, list[str]]:
    settings = {
        "build": {"hr": "in.tif", "save_dir": "pairs", "block_cells": 64},
        "resize": {"hr": "in.tif", "lr": "out.nc"},
        "ablate": {"grid": "in.tif", "save_dir": "trial", "block_cells": 64, "seeds": [0]},
    }
    for verb, values in settings.items():
        (folder / f"{verb}.yml").write_text(yaml.safe_dump(values))
    typed = {verb: [verb, str(folder / f"{verb}.yml")] for verb in settings}
    typed["ablate"] += ["--hours", "0"]
    return typed | {"superresolve": ["superresolve", str(model), str(folder / "in.tif"), str(folder / "map.tif")]}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", ["build", "resize", "ablate", "superresolve"])
def test_remedies_work_when_typed(fault, verb, tmp_path, model, capsys):
    depth = grids.seafloor((SIDE, SIDE), province="ridge", seed=1)
    FAULTS[fault](tmp_path / "in.tif", np.array(depth))
    command = commands(tmp_path, model)[verb]
    status = cli.main(command)
    said = capsys.readouterr().err
    assert status == 1, said
    found = re.search(rf"--(?:set )?{fault.replace('_', '.')}(?:[ =]('[^']*'|\S*))?", said)
    assert found, said
    remedy = found.group().strip(".,= \n")
    remedy += {"superresolve": " 1"}.get(verb, "=1") if fault == "variable" else ""
    if verb == "ablate" and "--hours" in command:
        status = _read_only(command, remedy)
    else:
        status = cli.main([*command, *shlex.split(remedy)])
    assert status == 0, capsys.readouterr().err


def _read_only(command, remedy) -> int:
    """The part of a trial that reads the grid."""
    from bathysr_nb.trial import areas, settings

    overrides = cli._overrides([part for part in shlex.split(remedy) if part != "--set"])
    ablation = settings.load_settings(command[1], overrides)
    return 0 if len(areas.cut_areas(ablation).source[0]) else 1


def test_numbers_with_exponents_are_values_not_options(tmp_path, model, capsys):
    depth = np.array(grids.seafloor((SIDE, SIDE), seed=1))
    fill(tmp_path / "in.tif", depth)
    out = tmp_path / "map.tif"
    typed = ["superresolve", model, tmp_path / "in.tif", out, "--missing-value", "-3.4e38"]
    assert cli.main([str(part) for part in typed]) == 0, capsys.readouterr().err
    assert int(np.isnan(grids.read_grid(out)).sum()) == 4 * 16
    bounds = ["--bounds", "-4e5", "7.99e6", "4.05e5", "8e6", "--force"]
    assert cli.main([str(part) for part in (*typed, *bounds)]) == 1
    assert "bounds (-400000.0, 7990000.0, 405000.0, 8000000.0) are not inside" in capsys.readouterr().err
