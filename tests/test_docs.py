import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "docs" / "manual_map.md").read_text()
ROWS = [
    [part.strip() for part in line.strip("|").split("|")] for line in MAP.splitlines() if re.match(r"\| [12]\.", line)
]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
STEPS = re.findall(r"^\| [^|]+ \| `([\w.]+)` \| (\d) \|", ARCHITECTURE, re.M)


def script(name, *arguments):
    """Run a script of docs/ as make check does."""
    return subprocess.run([sys.executable, ROOT / "docs" / name, *arguments], capture_output=True, text=True)


@pytest.fixture
def load(monkeypatch):
    """A script of docs/ as a module."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module


@pytest.fixture
def project(tmp_path):
    """A copy of what the pages are made from."""
    for folder in ("docs", "bathysr_nb"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("results", "__pycache__"))
    for name in ("README.md", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_part_of_the_manual_has_a_name_that_imports_or_a_reason(row):
    here = row[2]
    names = re.findall(r"`(bathysr_nb\.[\w.]+)`", here)
    assert names or here.startswith("left out: ")
    for name in names:
        assert pkgutil.resolve_name(name)


def test_every_file_that_the_manual_map_names_is_there():
    paths = re.findall(r"`(params/[\w.*]+)`", MAP)
    assert paths
    assert not [path for path in paths if not list(ROOT.glob(path))]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_no_link_is_broken():
    found = script("check_links.py")
    assert (found.stdout, found.returncode) == ("", 0)


PLANTED = {
    "[a](docs/no_such.md)": "no such file",
    "[a](DOCS/cli.md)": "no such file",
    "![a](docs/no_such.png)": "no such file",
    "[a](docs/cli.md#no-such-heading)": "no heading #no-such-heading there",
    "[a](#no-such-heading)": "no heading #no-such-heading there",
    "[a](docs/floors.txt#L99)": "has fewer than 99 lines",
    "[a](runs/demo/report.html)": "leads out of the project's files",
    "[a](../elsewhere.md)": "leads out of the project's files",
    "[a](/docs/cli.md)": "expected a relative path, an anchor or an address",
    "[a]()": "expected a relative path, an anchor or an address",
    "[a](https://nowhere)": "not an address",
    "[a](https://doi.org/20.1029/2024EA003610)": "not a DOI",
    "[a](htp://example.org)": "unknown scheme htp",
    '<img src="no_such.png">': "no such file",
    "[a]: no_such.md": "no such file",
}


def test_broken_links_are_found_each_on_its_line(project, load, capsys):
    good = "# Good\n\n`[code](is_not.md)` [good](#good) [good](docs/cli.md#mixup) <!-- [a](b.md) -->\n"
    (project / "page.md").write_text(good + "".join(f"\n{link}\n" for link in PLANTED))
    assert load("check_links").main(project) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("page.md")]
    assert len(lines) == len(PLANTED)
    for i, (line, wrong) in enumerate(zip(lines, PLANTED.values())):
        assert line.startswith(f"page.md:{5 + 2 * i}: ")
        assert line.endswith(f": {wrong}")


def test_a_broken_link_of_a_notebook_is_found_on_its_line(project, load):
    text = (ROOT / "notebooks" / "03_offline_augmentation.ipynb").read_text()
    wrong = text.replace("](04_adaptive_mixup.ipynb", "](04_no_such.ipynb")
    (project / "a.ipynb").write_text(wrong)
    found = [line for line in load("check_links").faults(project) if "04_no_such" in line]
    numbers = [i for i, line in enumerate(wrong.splitlines(), 1) if "04_no_such" in line]
    assert numbers
    assert [int(line.split(":")[1]) for line in found] == numbers


def test_pages_made_from_the_code_are_up_to_date():
    found = script("make_docs.py", "--check")
    assert (found.stderr, found.returncode) == ("", 0)


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))


CHANGES = {
    "a verb": ("docs/cli.md", "Draw one patch beside", "Paint one patch beside", "docs/cli.md"),
    "the picture": ("docs/architecture.svg", "maps", "charts", "docs/architecture.svg"),
    "a module's docstring": (
        "bathysr_nb/mixup/blending.py",
        "Blend two patches",
        "Mix two patches",
        "docs/architecture.md",
    ),
    "a folder's docstring": ("bathysr_nb/pairs/__init__.py", "Patch pairs", "Pairs", "README.md"),
    "a target": ("Makefile", "## list the targets", "## name the targets", "docs/install.md"),
    "an import": (
        "bathysr_nb/grids/read.py",
        "import dask\n",
        "import dask\nimport bathysr_nb.terrain\n",
        "docs/architecture.svg",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stale_page_is_found_and_mended(project, load, capsys, change):
    path, old, new, page = CHANGES[change]
    main = load("make_docs").main
    edit(project / path, old, new)
    assert main(["--check"], project) == 1
    assert f"{page}: out of date; mend it by: python docs/make_docs.py" in capsys.readouterr().err.splitlines()
    assert main([], project) == 0
    assert main(["--check"], project) == 0


def test_a_page_without_its_markers_is_named(project, load, capsys):
    edit(project / "docs" / "cli.md", "<!-- verbs: end -->", "")
    assert load("make_docs").main(["--check"], project) == 1
    assert capsys.readouterr().err.startswith("docs/cli.md: expected <!-- verbs: begin -->")


def test_a_folder_without_a_floor_is_named(project, load, capsys):
    edit(project / "docs" / "floors.txt", "course trial", "course")
    assert load("make_docs").main([], project) == 1
    assert capsys.readouterr().err.endswith("these differ: trial\n")


def test_the_walk_names_functions_on_the_floors_where_they_stand():
    lines = (line.partition("#")[0].split() for line in (ROOT / "docs" / "floors.txt").read_text().splitlines())
    floors = {name: floor for floor, names in enumerate(filter(None, lines), 1) for name in names}
    assert len(STEPS) > 10
    for name, floor in STEPS:
        assert callable(pkgutil.resolve_name(f"bathysr_nb.{name}"))
        assert floors[name.split(".")[0]] == int(floor)


def test_the_walk_runs_as_it_is_written(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"^```python\n(.*?)^```", ARCHITECTURE, re.M | re.S)
    exec(code, {})
    assert "nearest" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "Makefile", "pyproject.toml", "docs/manual_map.md"])
def test_no_merge_was_left_half_done(name):
    lines = (ROOT / name).read_text().splitlines()
    assert not [line for line in lines if line.startswith(("<<<<<<<", ">>>>>>>"))]
