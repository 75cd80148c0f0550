"""Find links that lead nowhere, in all Markdown files and in the text of all notebooks.

    python docs/check_links.py

A relative link must lead to a file of the project, its anchor to a heading there, an image to a picture. Addresses and
DOIs are only read, not opened. Each fault is a line ``file:line: what is wrong``; the exit status is 1 if there is one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = ("runs", "build", "__pycache__")  # and whatever begins with a dot
FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1[^\n]*$", re.M | re.S)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
COMMENT = re.compile(r"<!--.*?-->", re.S)
LINKS = (
    re.compile(r"\]\(\s*<([^>\n]*)>[^)\n]*\)"),  # [text](<target>)
    re.compile(r"\]\(\s*([^\s<)][^\s)]*(?:\([^\s)]*\)[^\s)]*)*)(?:\s+[\"'(][^)]*)?\s*\)"),  # [text](target "title")
    re.compile(r"\]\((\s*)\)"),  # [text]()
    re.compile(r"^ {0,3}\[[^\]^]+\]:\s*<?(\S+?)>?(?:\s|$)", re.M),  # [name]: target
    re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*[\"']([^\"']*)[\"']", re.I),
    re.compile(r"<((?:https?|ftp|mailto):[^>\s]*)>"),
)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", re.M)
NAMED = re.compile(r"<[a-z]+\b[^>]*?\b(?:id|name)\s*=\s*[\"']([^\"']+)[\"']", re.I)
DOI = re.compile(r"10\.\d{4,9}/[^\s?#]+")


def pages(root: Path) -> list[Path]:
    """All Markdown files and notebooks of a project, those of its environment and its runs left out."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_OURS)
        found += [Path(folder) / name for name in sorted(files) if name.endswith((".md", ".ipynb"))]
    return found


def texts(path: Path) -> Iterator[tuple[str, list[int], dict]]:
    """Markdown texts of a page: the text, the line of the file that each of its lines is on, its attachments."""
    whole = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        yield whole, list(range(1, whole.count("\n") + 2)), {}
        return
    lines, place = whole.splitlines(), 0
    for cell in json.loads(whole)["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        text, numbers = "".join(cell["source"]), []
        for line in text.split("\n"):
            written = json.dumps(line, ensure_ascii=False)[1:-1]
            place = next((i for i in range(place, len(lines)) if written in lines[i]), place)
            numbers.append(place + 1)
        yield text, numbers, cell.get("attachments", {})


def without_code(text: str) -> str:
    """The text with code and comments blanked, every character at its place."""
    for pattern in (FENCE, COMMENT, CODE):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return text


def links(text: str) -> list[tuple[int, str]]:
    """Position and target of each link in a Markdown text."""
    text = without_code(text)
    return sorted({(match.start(1), match[1].strip()) for pattern in LINKS for match in pattern.finditer(text)})


def anchors(path: Path) -> set[str]:
    """Anchors of a page: of its headings, as GitHub makes them and in notebooks as JupyterLab does, and named ones."""
    found, times = set(), {}
    for text, _, _ in texts(path):
        found |= set(NAMED.findall(text))
        for heading in HEADING.findall(FENCE.sub("", text)):
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            found.add(f"{slug}-{times[slug]}" if slug in times else slug)
            times[slug] = times.get(slug, 0) + 1
            if path.suffix == ".ipynb":
                found.add(plain.replace(" ", "-"))
    return found


def fault(target: str, page: Path, root: Path, attachments: dict) -> str | None:
    """What is wrong with a link on a page, or None."""
    scheme = urlsplit(target).scheme
    if scheme == "attachment":
        return None if target.partition(":")[2] in attachments else "no such attachment in the cell"
    if scheme == "mailto":
        return None if re.fullmatch(r"mailto:[^@\s]+@[\w-]+(\.[\w-]+)+", target) else "not an e-mail address"
    if scheme:
        return _address_fault(target)
    name, _, anchor = target.partition("#")
    if name.startswith("/") or "\\" in name or not (name or anchor):
        return "expected a relative path, an anchor or an address"
    path = Path(os.path.normpath(page.parent / unquote(name))) if name else page
    if not path.is_relative_to(root) or any(_is_not_ours(part) for part in path.relative_to(root).parts):
        return "leads out of the project's files"
    if not path.exists() or not _spelled_so(path, root):
        return "no such file"
    return _anchor_fault(path, unquote(anchor)) if anchor else None


def _is_not_ours(part: str) -> bool:
    return part in NOT_OURS or part in (".git", ".venv")


def _spelled_so(path: Path, root: Path) -> bool:
    """Whether capital and small letters are the file's own, on systems too that do not tell them apart."""
    steps = [path, *path.parents][: len(path.relative_to(root).parts)]
    return all(step.name in os.listdir(step.parent) for step in steps)


def _anchor_fault(path: Path, anchor: str) -> str | None:
    if path.suffix in (".md", ".ipynb"):
        return None if anchor in anchors(path) else f"no heading #{anchor} there"
    if not path.is_file() or not re.fullmatch(r"L\d+(-L\d+)?", anchor):
        return f"no anchor #{anchor} there"
    last = int(anchor.rpartition("L")[2])
    return None if last <= len(path.read_text(encoding="utf-8").splitlines()) else f"has fewer than {last} lines"


def _address_fault(target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https"):
        return f"unknown scheme {parts.scheme}"
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc) and parts.hostname != "localhost":
        return "not an address"
    if parts.netloc.endswith("doi.org") and not DOI.fullmatch(unquote(parts.path.lstrip("/"))):
        return "not a DOI"
    return None


def faults(root: Path) -> list[str]:
    """A line for each broken link of a project."""
    root, found = root.resolve(), []
    for page in pages(root):
        for text, numbers, attachments in texts(page):
            for place, target in links(text):
                if wrong := fault(target, page, root, attachments):
                    line = numbers[text.count("\n", 0, place)]
                    found.append(f"{page.relative_to(root).as_posix()}:{line}: {target or '()'}: {wrong}")
    return found


def main(root: Path = ROOT) -> int:
    """Print the faults; the exit status is 1 if there are any."""
    found = faults(root)
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
