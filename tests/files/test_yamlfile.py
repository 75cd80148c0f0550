import inspect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bathysr_nb.files import yamlfile
from bathysr_nb.files.yamlfile import Limit, Spelling

REQUIRED = inspect.Parameter.empty


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "a.yml"
        path.write_text(text)
        return path

    return write


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.yml: no such file"):
        yamlfile.load_yaml(tmp_path / "a.yml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [1\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("a: 2024-13-45\n", "not valid YAML"),
        ("a: !!bool x\n", "not valid YAML"),
        ("[]: 1\n", "not valid YAML"),
        ("a: 1\n---\nb: 1\n", "not valid YAML"),
        ("- 1\n", "expected keys and values, found list"),
        ("# nothing but a comment\n", "expected keys and values, found nothing"),
        ("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n", "key b.c is given twice, in line 2; key a is given twice, in lines"),
    ],
)
def test_what_is_no_mapping_is_one_line(write, text, fault):
    path = write(text)
    with pytest.raises(ValueError, match=fault) as raised:
        yamlfile.load_yaml(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "a.yml").write_bytes(b"\x80\x05\xff")
    with pytest.raises(ValueError, match="not valid YAML"):
        yamlfile.load_yaml(tmp_path / "a.yml")


def test_merged_keys_and_keys_of_two_sections_are_not_doubled(write):
    text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, a: 3}\n"
    assert yamlfile.load_yaml(write(text)) == {"base": {"a": 1, "b": 2}, "more": {"a": 3, "b": 2}}


def test_a_mapping_that_holds_itself_ends(write):
    assert set(yamlfile.load_yaml(write("a: &a {b: *a}\n"))) == {"a"}


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{:e}", "{:E}", "{:.0e}", "{!r}"]))
def test_numbers_with_an_exponent_are_numbers(number, form):
    text = form.format(number)
    value = yamlfile.parse(text.replace("e+", "e"))
    assert isinstance(value, float)
    assert value == float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-7", 1e-7), ("1e5", 1e5), (".5E+1", 5.0), ("-1.e-3", -1e-3), ("'1e-7'", "1e-7"), ("1e-7m", "1e-7m")]
    + [("None", None), ("null", None), ("'None'", "None"), ("Nonesuch", "Nonesuch"), ("none", "none")],
)
def test_words_and_numbers(text, value):
    found = yamlfile.parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (10**400, int, True),
        (10**400, float, False),
        (math.nan, float, False),
        (-math.inf, float, False),
        (True, float, False),
        (2.0, Literal[2, 4], False),
        (True, Literal[1], False),
        ([1], Literal[1], False),
        ([], tuple[int, ...], True),
        ([1, 2, 3], tuple[int, int], False),
        ("", Path, False),
        (Path("a"), Path, True),
        (0, Annotated[int, Limit("above 0", lambda n: n > 0)], False),
        ("x", Annotated[int, Limit("above 0", lambda n: n > 0)], False),
        (None, Annotated[int, Limit("above 0", lambda n: n > 0)] | None, True),
    ],
)
def test_fits(value, hint, expected):
    assert yamlfile.fits(value, hint) is expected


def test_arguments_are_paths_from_the_files_folder_and_tuples(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    keys = {
        "near": (Path, REQUIRED),
        "home": (Path | None, None),
        "none": (Path | None, None),
        "names": (tuple[tuple[str, ...], ...], ()),
    }
    path = write("near: ../b/c\nhome: ~/d\nnone: None\nnames: [[a, b]]\n")
    found = yamlfile.arguments(keys, path, {"names": [["c"], ("d", "e")]})
    assert found == {
        "near": tmp_path.parent / "b" / "c",
        "home": tmp_path / "home" / "d",
        "none": None,
        "names": (("c",), ("d", "e")),
    }


def test_arguments_name_all_faults_at_once(write):
    keys = {
        "n": (int, REQUIRED),
        "size": (tuple[int, int], (1, 1)),
        "path": (Path, REQUIRED),
        "way": (Literal["a"], "a"),
    }
    path = write("n: 1\nn: x\nsize: [1]\nother: 1\nmore: 1\nway: b\n")
    with pytest.raises(ValueError, match="n is given twice") as raised:
        yamlfile.arguments(keys, path)
    assert str(raised.value) == (
        f"{path}: key n is given twice, in lines 1 and 2; unknown key other, more; choose from n, size, path, way; "
        "n is 'x', expected a whole number; size is [1], expected a list of 2, each a whole number; "
        "key path is missing, expected a path; way is 'b', expected 'a'"
    )


@dataclass(frozen=True)
class Inner:
    low: int = 0
    high: int = 1
    way: Annotated[Literal["long", "short"], Spelling({"short": "long"})] = "long"

    RELATIONS = (({"low", "high"}, lambda low, high: f"low is {low}, above {high}" if low > high else None),)


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = Inner()


def test_sections_are_dataclasses_with_defaults_and_spellings(write):
    assert yamlfile.load(Outer, write("name: a\n")) == Outer("a", Inner())
    assert yamlfile.load(Outer, write("name: a\ninner:\n")) == Outer("a", Inner())
    assert yamlfile.load(Outer, write("name: a\ninner: {way: short, low: -1}\n")) == Outer("a", Inner(-1, 1, "long"))


def test_overrides_reach_into_a_section_and_leave_the_rest(write):
    path = write("name: a\ninner: {low: 5, high: 7}\n")
    assert yamlfile.load(Outer, path, {"inner.low": 6, "name": "b"}) == Outer("b", Inner(6, 7))
    assert yamlfile.load(Outer, path, {"inner": None}) == Outer("a", Inner())
    assert yamlfile.load(Outer, write("name: a\n"), {"inner.high": 3}) == Outer("a", Inner(0, 3))
    with pytest.raises(ValueError, match=r"unknown key name\.low; choose from name, inner"):
        yamlfile.load(Outer, path, {"name.low": 6})


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("inner: {low: 2}", ["inner.low is 2, above 1"]),
        ("inner: {low: 2, high: x}", ["inner.high is 'x', expected a whole number"]),
        ("inner: 3", ["inner is 3, expected keys and values"]),
        ("inner: {lo: 3}", ["unknown key inner.lo; choose from low, high, way"]),
        ("inner: {low: 2, 7: 1}", ["unknown key inner.7; choose from low, high, way", "inner.low is 2, above 1"]),
    ],
)
def test_faults_of_a_section_carry_its_name(write, text, faults):
    path = write(text)
    with pytest.raises(ValueError, match="inner") as raised:
        yamlfile.load(Outer, path)
    assert str(raised.value) == f"{path}: " + "; ".join(["key name is missing, expected text", *faults])


def test_a_long_value_is_shortened(write):
    path = write(f"name: [{'x' * 5000}, {'y' * 5000}]\n")
    with pytest.raises(ValueError, match="expected text") as raised:
        yamlfile.load(Outer, path)
    assert len(str(raised.value)) < 400 + len(str(path))
