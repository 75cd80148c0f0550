"""What stands where in the package: floors, folders, modules, docstrings and imports, read without running it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

PACKAGE = "bathysr_nb"


class Part(NamedTuple):
    """A folder of the package, or a module that stands beside the folders.

    Attributes
    ----------
    name : str
    floor : int
        1 is the lowest.
    about : str
        First line of its docstring.
    more : str
        The rest of a folder's docstring: what goes in, what comes out, which notebook teaches it.
    modules : dict of str to str
        Module to the first line of its docstring; empty for a module that stands alone.
    imports : set of str
        Other parts that it imports, within functions too.
    """

    name: str
    floor: int
    about: str
    more: str
    modules: dict[str, str]
    imports: set[str]

    @property
    def path(self) -> str:
        """Where it is, from the project's root."""
        return f"{PACKAGE}/{self.name}" + ("" if self.modules else ".py")


def read(root: Path) -> list[Part]:
    """All parts of the package, lowest floor first, in the order of ``docs/floors.txt``.

    Parameters
    ----------
    root : Path
        The project's folder.

    Raises
    ------
    ValueError
        If docs/floors.txt and the package do not name the same parts.
    """
    floors = read_floors(root)
    found = {path.name.removesuffix(".py") for path in (root / PACKAGE).iterdir() if _is_part(path)}
    if found != floors.keys():
        other = ", ".join(sorted(found ^ floors.keys()))
        raise ValueError(
            f"docs/floors.txt and {PACKAGE}/ must name the same folders and modules; these differ: {other}"
        )
    return [_part(root / PACKAGE, name, floor) for name, floor in floors.items()]


def read_floors(root: Path) -> dict[str, int]:
    """Part to floor, 1 for the lowest, from ``docs/floors.txt``."""
    lines = (line.partition("#")[0].split() for line in (root / "docs" / "floors.txt").read_text().splitlines())
    return {name: floor for floor, names in enumerate(filter(None, lines), 1) for name in names}


def needed(parts: list[Part]) -> dict[str, list[str]]:
    """Imports of each part, without those that follow from others.

    Where a imports b and b imports c, that a imports c as well is left out: it may do so anyhow.
    """
    imports = {part.name: part.imports for part in parts}

    def below(name: str) -> set[str]:
        return imports[name].union(*map(below, imports[name]))

    return {
        name: [target for target in sorted(targets) if not any(target in below(other) for other in targets)]
        for name, targets in imports.items()
    }


def _is_part(path: Path) -> bool:
    return path.suffix == ".py" and path.stem != "__init__" or (path / "__init__.py").is_file()


def _part(package: Path, name: str, floor: int) -> Part:
    folder = package / name
    if not folder.is_dir():
        tree = ast.parse(folder.with_suffix(".py").read_text(encoding="utf-8"))
        return Part(name, floor, _docstring(tree, name)[0], "", {}, _imports(tree, name))
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))}
    about, more = _docstring(trees.pop("__init__"), name)
    modules = {module: _docstring(tree, f"{name}/{module}")[0] for module, tree in trees.items()}
    return Part(name, floor, about, more, modules, set().union(*(_imports(tree, name) for tree in trees.values())))


def _docstring(tree: ast.Module, name: str) -> tuple[str, str]:
    """First line and the rest on one line, code in single backticks as Markdown has it."""
    text = ast.get_docstring(tree)
    if not text:
        raise ValueError(f"{PACKAGE}/{name}: has no docstring")
    first, _, rest = text.replace("``", "`").partition("\n")
    return first, " ".join(rest.split())


def _imports(tree: ast.Module, own: str) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE + "."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith(PACKAGE + ".")}
    return found - {own}
