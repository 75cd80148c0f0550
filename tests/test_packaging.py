"""What is installed: the same names and ranges wherever they stand."""

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_environment_yml_has_the_names_and_ranges_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["test"]}
    text = (ROOT / "environment.yml").read_text()
    listed = [entry for entry in yaml.safe_load(text)["dependencies"] if isinstance(entry, str)]
    python = [entry for entry in listed if entry.startswith("python>")]
    assert [entry.removeprefix("python") for entry in python] == [project["requires-python"]]
    assert set(listed) - {*python, "pip"} == wanted
    reasons = [line for line in text.splitlines() if line.startswith("  - ") and "  # " in line]
    assert len(reasons) == len(listed)


def test_lock_has_every_dependency_with_hashes_and_no_host():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text()
    for entry in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        name = entry.split(">")[0].split("[")[0]
        assert f"\n{name}==" in lock, name
    entries = [block for block in lock.split("\n") if "==" in block and not block.startswith((" ", "#"))]
    assert lock.count("--hash=sha256:") >= len(entries)
    assert "://" not in lock
