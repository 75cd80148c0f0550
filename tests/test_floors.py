"""The house stands: folders on floors, no circles, faces that say what they are and load nothing, small functions."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bathysr_nb"
FLOORS = (ROOT / "docs" / "floors.txt").read_text()
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def read_floors(text):
    """{name: its floor}, lowest first."""
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {name: floor for floor, names in enumerate(lines) for name in names}


def dotted(path, package):
    """A file's module name and the folder that its relative imports count from."""
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    folder = parts[:-1]
    return ".".join(folder if parts[-1] == "__init__" else parts), folder


def nodes(tree, everywhere):
    """All nodes, or those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not everywhere and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        yield from nodes(node, everywhere)


def face(tree):
    """{name: submodule that has it} of a folder's `lazy_loader.attach`."""
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("attach")
    ]
    keywords = {keyword.arg: keyword.value for call in calls for keyword in call.keywords}
    attributes = ast.literal_eval(keywords.get("submod_attrs", ast.parse("{}", mode="eval").body))
    return {name: module for module, names in attributes.items() for name in names}


def imports(path, package, everywhere=True):
    """Names of the package, with their folders, that a file imports; of a face, the modules that have them."""
    for node in nodes(ast.parse(path.read_text()), everywhere):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = dotted(path, package)[1]
            above = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            found = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            parts = name.split(".")
            if parts[0] == package.name and len(parts) > 1:
                yield behind_the_face(parts[1:], package)


def behind_the_face(parts, package):
    """[folder, module] of a dotted name within the package, so far as it names them."""
    folder = package / parts[0]
    if len(parts) > 1 and folder.is_dir() and not (folder / f"{parts[1]}.py").exists():
        return [parts[0], *filter(None, [face(ast.parse((folder / "__init__.py").read_text())).get(parts[1])])]
    return parts[:2]


def circle(graph):
    """Modules that import each other in a circle, or nothing."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            path.append(module)
            for other in sorted(graph.get(module, ())):
                if found := visit(other):
                    return found
            done.add(path.pop())
        return None

    return next(filter(None, map(visit, sorted(graph))), None)


def faults(package, floors):
    """What is wrong with a package's floors and faces, a line each."""
    floor, said = read_floors(floors), []
    for path in sorted(package.rglob("*.py")):
        folder = path.relative_to(package).parts[0].removesuffix(".py")
        if folder == "__init__":
            continue
        if folder not in floor:
            said.append(f"{folder}: stands on no floor")
            continue
        for name in (parts[0] for parts in imports(path, package)):
            if name != folder and floor.get(name, len(floor)) >= floor[folder]:
                said.append(f"{path.relative_to(package)} imports {name}, which is not below it")
    for folder in sorted(path.parent for path in package.glob("*/__init__.py")):
        graph = {
            path.stem: {p[1] for p in imports(path, package, everywhere=False) if p[0] == folder.name and len(p) > 1}
            for path in folder.glob("*.py")
        }
        if found := circle(graph):
            said.append(f"{folder.name}: {' imports '.join(found)}")
        tree = ast.parse((folder / "__init__.py").read_text())
        doc = ast.get_docstring(tree) or ""
        said += [
            f"{folder.name}: its docstring lacks {part!r}" for part in ("In: ", "Out: ", "otebook") if part not in doc
        ]
        said += [
            f"{folder.name}: hands on {n}, which is also a module" for n in face(tree) if (folder / f"{n}.py").exists()
        ]
    return said


def test_every_folder_imports_only_lower_floors():
    assert faults(PACKAGE, FLOORS) == []
    assert set(read_floors(FLOORS)) == {path.stem for path in PACKAGE.glob("[!_]*") if path.suffix in ("", ".py")}


FACE = '''"""Words.

In: a. Out: b. Notebook 01.
"""
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"one": ["f"], "two": ["g"]})
'''
MADE_UP = {
    "__init__.py": "",
    "tool.py": "",
    "low/__init__.py": FACE,
    "low/one.py": "import pkg.tool\nfrom pkg.low import two\n",
    "low/two.py": "def g():\n    from pkg.low.one import f\n",
    "high/__init__.py": FACE,
    "high/one.py": "from pkg import low, tool\n",
    "high/two.py": "from pkg.high import f\n",
}


def made_up(folder, **changed):
    for name, text in (MADE_UP | changed).items():
        path = folder / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return faults(folder / "pkg", "# lowest first\ntool\nlow\nhigh\n")


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("low/two.py", "from pkg.high import one\n", "low/two.py imports high, which is not below it"),
        ("low/two.py", "def g():\n    from pkg import high\n", "low/two.py imports high, which is not below it"),
        ("low/two.py", "from ..high import f\n", "low/two.py imports high, which is not below it"),
        ("tool.py", "import pkg.low.one\n", "tool.py imports low, which is not below it"),
        ("other/x.py", "", "other: stands on no floor"),
        ("low/two.py", "from pkg.low.one import f\n", "low: one imports two imports one"),
        ("low/two.py", "from pkg.low import f\n", "low: one imports two imports one"),
        ("low/two.py", "from .one import f\n", "low: one imports two imports one"),
        ("low/__init__.py", FACE.replace("In: a. ", ""), "low: its docstring lacks 'In: '"),
        ("low/__init__.py", FACE.replace("otebook", ""), "low: its docstring lacks 'otebook'"),
        ("low/__init__.py", FACE.replace('"f"', '"two"'), "low: hands on two, which is also a module"),
    ],
)
def test_what_is_wrong_with_a_made_up_package_is_found(tmp_path, file, text, fault):
    assert made_up(tmp_path) == []
    assert made_up(tmp_path, **{file: text}) == [fault]


def test_the_package_loads_nothing_and_the_faces_of_scores_and_manual_no_keras():
    code = (
        "import sys, bathysr_nb; print({'numpy', 'keras'} & set(sys.modules) or 'nothing');"
        "[getattr(face, name) for face in (bathysr_nb.scores, bathysr_nb.manual) for name in face.__all__];"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)), bathysr_nb.manual.load_params.__name__)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert made.stdout.split("\n")[:2] == ["nothing", "[] load_params"]


def code_lines(function, lines):
    """Lines of a function that are neither empty nor a comment nor its docstring."""
    body = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        body -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    return sum(bool(lines[n - 1].strip()) and not lines[n - 1].strip().startswith("#") for n in body)


def long_functions(package, most):
    found = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (count := code_lines(node, text.splitlines())) > most:
                found.append(f"{path.relative_to(package)}: {node.name} has {count} lines")
    return found


def undescribed(package):
    """Public functions of two or more parameters without a Parameters section; what a class overrides needs none."""
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if len(arguments) > 1 and "Parameters\n-----" not in (ast.get_docstring(node) or ""):
                    found.append(f"{path.relative_to(package)}: {node.name}")
    return found


def test_parameters_are_described():
    assert undescribed(PACKAGE) == []


def test_a_function_without_parameters_section_is_found(tmp_path):
    described = '"""Words.\n\n    Parameters\n    ----------\n    a, b : int\n    """'
    (tmp_path / "a.py").write_text(
        f"def f(a, b):\n    {described}\n\n\ndef g(a, b):\n    pass\n\n\ndef h(a):\n    pass\n"
    )
    assert undescribed(tmp_path) == ["a.py: g"]


def test_no_function_is_above_60_lines():
    assert long_functions(PACKAGE, 60) == []


def test_a_long_function_is_found(tmp_path):
    (tmp_path / "a.py").write_text(
        'def f():\n    """Words.\n\n    More.\n    """\n\n    # why\n    a = 1\n    return a\n'
    )
    assert long_functions(tmp_path, 2) == ["a.py: f has 3 lines"]
    assert long_functions(tmp_path, 3) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_notebook_imports_few_names(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lines = [line for source in cells for line in source.splitlines() if not line.startswith(("%", "!"))]
    names = set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "bathysr_nb":
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.split(".")[0] == "bathysr_nb"}
    assert len(names) <= 9, sorted(names)
