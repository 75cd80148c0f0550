import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    [part.strip() for part in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "manual_map.md").read_text().splitlines()
    if re.match(r"\| [12]\.", line)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_part_of_the_manual_has_a_name_that_imports_or_a_reason(row):
    here = row[2]
    names = re.findall(r"`(bathysr_nb\.[\w.]+)`", here)
    assert names or here.startswith(("to come", "left out: "))
    for name in names:
        assert pkgutil.resolve_name(name)


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(links) >= 8
    assert not [link for link in links if not (ROOT / link).exists()]


def test_readme_names_every_make_target():
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    text = (ROOT / "README.md").read_text()
    assert not [target for target in targets if f"make {target}" not in text]


@pytest.mark.parametrize("name", ["README.md", "Makefile", "pyproject.toml", "docs/manual_map.md"])
def test_no_merge_was_left_half_done(name):
    lines = (ROOT / name).read_text().splitlines()
    assert not [line for line in lines if line.startswith(("<<<<<<<", ">>>>>>>"))]
