import ast
from pathlib import Path

import nbformat
import pytest

from bathysr_nb.course import parameters

ROOT = Path(__file__).parents[2]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("0[1-8]*.ipynb"))


def parameters_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    return next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))


def test_the_eight_notebooks_are_the_stations():
    assert tuple(path.stem for path in NOTEBOOKS) == parameters.STATIONS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_parameters_are_typed_explained_and_those_of_the_preset(path):
    preset = parameters.preset(path.stem)
    lines = parameters_cell(path).splitlines()
    assert all("  # " in line for line in lines)
    found = {node.target.id: node for node in ast.parse("\n".join(lines)).body}
    assert list(found) == list(preset)
    values = {name: ast.literal_eval(node.value) for name, node in found.items()}
    assert {**values, "run_dir": preset["run_dir"]} == preset
    assert all(type(values[name]).__name__ == node.annotation.id for name, node in found.items())


def namespace(**values):
    return {"In": ["", "run_dir: str = 'x'"], "__annotations__": {"run_dir": str, "seed": int}, **values}


def fake(tmp_path, monkeypatch):
    (tmp_path / "params" / "quick").mkdir(parents=True)
    (tmp_path / "params" / "quick" / "s.yml").write_text("run_dir: runs/x\nseed: 0\n")
    monkeypatch.setattr(parameters, "root", lambda: tmp_path)


def test_check_parameters_returns_them(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch)
    ns = namespace(run_dir="a", seed=3, pd="not a parameter")
    assert parameters.check_parameters("s", ns) == {"run_dir": "a", "seed": 3}


def test_unknown_and_mistyped_parameters_are_named_with_the_choices(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch)
    ns = namespace(run_dir="a", seed=3)
    ns["In"].append("# Parameters\nseeed = 4\nrun_dir = 'a'\n")
    with pytest.raises(ValueError, match="s: unknown parameter seeed; choose from run_dir, seed"):
        parameters.check_parameters("s", ns)
    for wrong in ("abc", True, 1.5):
        with pytest.raises(ValueError, match="s: parameter seed is .*, expected int"):
            parameters.check_parameters("s", namespace(run_dir="a", seed=wrong))


def test_how_a_grid_is_read_is_checked_before_any_work(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch)
    (tmp_path / "params" / "quick" / "s.yml").write_text("reading: {}\nslope_edges: [0.05, 0.1]\n")
    good = {"positive": "down", "bounds": [1, 2, 3, 4], "missing_value": -3.4e38, "land": "keep", "variable": 2}
    values = {"reading": good, "slope_edges": [0.1, 1]}
    assert parameters.check_parameters("s", namespace(**values)) == values
    for wrong, match in (
        ({"positve": "down"}, "unknown key reading.positve; choose from variable, crs"),
        ({"missing_value": "-3.4e38"}, "reading.missing_value is '-3.4e38', expected a number or null"),
        ({"bounds": [3, 2, 1, 4]}, r"reading.bounds is .*, expected \[left, bottom, right, top\], rising"),
    ):
        with pytest.raises(ValueError, match=match):
            parameters.check_parameters("s", namespace(**values | {"reading": wrong}))
    with pytest.raises(ValueError, match=r"parameter slope_edges\[1\] is the text '1e-1', expected a number"):
        parameters.check_parameters("s", namespace(**values | {"slope_edges": [0.05, "1e-1", 0.2]}))
