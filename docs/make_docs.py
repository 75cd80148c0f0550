"""Write the parts of the pages that come from the code.

    python docs/make_docs.py          write them
    python docs/make_docs.py --check  only say which are out of date; exit status 1 if any is

Two comments mark where they stand in a page, such as ``<!-- verbs: begin -->`` and ``<!-- verbs: end -->``. Verbs come
from the command line's own help; folders, modules and their descriptions from ``docs/floors.txt``, docstrings and
imports; make's targets from the Makefile; the links between notebooks from their order and headings.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import course_links
import package_picture
import package_tree

from bathysr_nb import cli

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python docs/make_docs.py"


def pages(root: Path) -> dict[Path, str]:
    """Each page that is made here, wholly or in part, and its text as it should be."""
    parts = package_tree.read(root)
    made = {
        "README.md": {"folders": folders(parts)},
        "docs/architecture.md": {"floors": floors(parts), "modules": modules(parts)},
        "docs/cli.md": {"verbs": verbs(cli.parser())},
        "docs/install.md": {"targets": targets((root / "Makefile").read_text(encoding="utf-8"))},
    }
    texts = {root / "docs" / "architecture.svg": package_picture.svg(parts)}
    for name, pieces in made.items():
        text = (root / name).read_text(encoding="utf-8")
        for marker, piece in pieces.items():
            text = replaced(text, marker, piece, name)
        texts[root / name] = text
    return texts | course_links.pages(root, replaced)


def replaced(text: str, marker: str, piece: str, name: str) -> str:
    """The text with what stands between the two comments of a marker replaced.

    Parameters
    ----------
    text : str
    marker : str
    piece : str
        What is to stand there.
    name : str
        The page's, for an error.

    Raises
    ------
    ValueError
        If the page does not hold the two comments exactly once.
    """
    begin, end = f"<!-- {marker}: begin -->", f"<!-- {marker}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"{name}: expected {begin} and after it {end}, each once")
    return text[: text.index(begin)] + f"{begin}\n{piece.strip()}\n" + text[text.index(end) :]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folders(parts: list[package_tree.Part]) -> str:
    """The table of the README: what is in which folder, highest floor last."""
    rows = [[_link(part, ""), part.about, ", ".join(part.modules) or "one module"] for part in parts]
    return table(["folder", "what it does", "modules"], rows)


def _link(part: package_tree.Part, up: str) -> str:
    name = part.name if part.modules else f"{part.name}.py"
    return f"[{name}]({up}{part.path})"


def floors(parts: list[package_tree.Part]) -> str:
    """The table of floors, highest first."""
    numbers = sorted({part.floor for part in parts}, reverse=True)
    rows = [[str(floor), ", ".join(_link(p, "../") for p in parts if p.floor == floor)] for floor in numbers]
    return table(["floor", "folders and modules"], rows)


def modules(parts: list[package_tree.Part]) -> str:
    """A section for each part: what it does, what it imports, a line a module."""
    sections = []
    for part in parts:
        lines = [f"### {part.name if part.modules else f'{part.name}.py'}", f"{part.about} {part.more}".strip()]
        imports = ", ".join(sorted(part.imports)) or "nothing else of the package"
        lines.append(f"Floor {part.floor}; imports {imports}.")
        if part.modules:
            rows = [[f"[{name}](../{part.path}/{name}.py)", about] for name, about in part.modules.items()]
            lines.append(table(["module", "what it does"], rows))
        sections.append("\n\n".join(lines))
    return "\n\n".join(sections)


def verbs(parser: argparse.ArgumentParser) -> str:
    """All verbs of the command line: a table of contents, then a section each."""
    action = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    contents = [[f"[{name}](#{name})", verb.description] for name, verb in action.choices.items()]
    sections = [_verb(name, verb) for name, verb in action.choices.items()]
    return "\n\n".join([table(["verb", "what it does"], contents), *sections])


def _verb(name: str, verb: argparse.ArgumentParser) -> str:
    example = verb.epilog.removeprefix("example: ")
    lines = [f"### {name}", f"{verb.description[0].upper()}{verb.description[1:]}.", f"```\n{example}\n```"]
    if config := re.search(r"params/\S+\.yml", example):
        lines.append(f"Keys, each explained: [{config[0]}](../{config[0]}).")
    rows = [
        [f"`{_spelled(action)}`", _help(action)]
        for action in verb._actions
        if not isinstance(action, argparse._HelpAction)
    ]
    return "\n\n".join([*lines, table(["argument", "meaning"], rows)])


def _spelled(action: argparse.Action) -> str:
    """An argument as it is typed, such as ``--index INDEX``."""
    word = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices:
        word = "{" + ",".join(map(str, action.choices)) + "}"
    words = " ".join(word) if isinstance(word, tuple) else word
    if not action.option_strings:
        return f"{words} ..." if action.nargs == "+" else words
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {words}")


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default}


def targets(makefile: str) -> str:
    """The table of make's targets."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.M)
    return table(["target", "does"], [[f"`make {name}`", text] for name, text in found])


def stale(root: Path) -> list[str]:
    """A line for each page that is not as it should be."""
    found = [
        path.relative_to(root).as_posix()
        for path, text in pages(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return [f"{name}: out of date; mend it by: {COMMAND}" for name in found]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the pages; the exit status is 1 if one is out of date or lacks its markers."""
    parser = argparse.ArgumentParser(description="Write the parts of the pages that come from the code.")
    parser.add_argument("--check", action="store_true", help="only say which pages are out of date")
    try:
        if parser.parse_args(arguments).check:
            faults = stale(root)
            print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
            return 1 if faults else 0
        for path, text in pages(root).items():
            path.write_text(text, encoding="utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
