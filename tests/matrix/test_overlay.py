"""A user's own file over the bundled matrix: what it may say, and what it is told when it may not."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.check import check_document, schema
from conda_tf_doctor.matrix.compiled import DATA
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.overlay import validate
from conda_tf_doctor.matrix.source import parse
from conda_tf_doctor.matrix.vc_runtime import VcRuntime

OWN_BUILD = """
schema_version: 1
channel: our-channel
distribution: tensorflow
source: our build farm
groups:
  - versions: {2.10.1: 2024-05-01}
    python: 3.10
    builds:
      - {platform: linux-64, use: [linux-cuda-11, linux-cudnn-8], cuda: ">=11.4,<12", cuda_built: 11.4,
         build: "ours_py*_0", variant_name: ours}
      - {platform: win-64, requires: {numpy: ">=1.21,<2"}, build: "ours_py*_0", variant_name: ours}
"""


def written(folder: Path, text: str) -> str:
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_rows_are_added(tmp_path: Path) -> None:
    matrix = load_matrix(written(tmp_path, OWN_BUILD))
    rows = matrix.builds("tensorflow", "2.10.1", "our-channel")
    assert [row.id for row in rows] == [
        "our-channel/tensorflow/2.10.1/linux-64/ours",
        "our-channel/tensorflow/2.10.1/win-64/ours",
    ]
    linux, windows = rows
    # An unquoted 3.10 stays 3.10, and 11.4 a text.
    assert (linux.python, linux.cuda_built, linux.variant) == (("3.10",), "11.4", "gpu")
    assert "libcudnn.so.8" in linux.libraries
    assert windows.numpy == ">=1.21,<2"
    assert {row.channel for row in matrix.builds("tensorflow", "2.10.1")} == {"pypi", "our-channel"}
    assert matrix.versions("tensorflow", "our-channel") == ["2.10.1"]
    assert len(matrix.rows(channel="our-channel", platform="win-64")) == 1


def test_versions_that_only_the_overlay_has(tmp_path: Path) -> None:
    matrix = load_matrix(written(tmp_path, OWN_BUILD.replace("2.10.1:", "9.0.0:")))
    assert len(matrix.builds("tensorflow", "9.0")) == 2
    assert len(matrix.rows(tensorflow=">=9")) == 2


def test_rows_are_changed_by_id(tmp_path: Path) -> None:
    text = 'schema_version: 1\nrows:\n  - {id: pypi/tensorflow/2.10.0/win-64, cuda: ">=11.1,<12", notes: tried by us}\n'
    matrix = load_matrix(written(tmp_path, text))
    row = matrix.builds("tensorflow", "2.10.0", "pypi", "win-64")[0]
    bundled = load_matrix().builds("tensorflow", "2.10.0", "pypi", "win-64")[0]
    assert row == bundled._replace(cuda=">=11.1,<12", notes="tried by us")
    assert len(matrix.builds()) == len(load_matrix().builds())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_an_editor_or_a_shell_of_windows_wrote(tmp_path: Path, encoding: str) -> None:
    Path(file := written(tmp_path, "")).write_bytes(OWN_BUILD.replace("\n", "\r\n").encode(encoding))
    assert len(load_matrix(file).builds("tensorflow", "2.10.1", "our-channel")) == 2


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    Path(file := written(tmp_path, "")).write_bytes(OWN_BUILD.replace("our build", "notre matériel").encode("cp1252"))
    with pytest.raises(UsageError, match="is not UTF-8 text; save it as UTF-8"):
        load_matrix(file)


def test_own_shared_blocks(tmp_path: Path) -> None:
    text = """
schema_version: 1
shared:
  ours: {avx: true, microarch_level: 3}
rows:
  - {channel: our-channel, distribution: TensorFlow_GPU, tensorflow: 2.9, platform: linux-64, use: [ours], source: us}
"""
    row = load_matrix(written(tmp_path, text)).builds("tensorflow-gpu", "2.9.0", "our-channel")[0]
    assert (row.avx, row.microarch_level, row.tensorflow) == (True, 3, "2.9")


def test_tables_are_extended(tmp_path: Path) -> None:
    text = """
schema_version: 1
tables:
  drivers: {families: {"12": {linux: 520.00}}}
  vc_runtime: {renumbered: [{package: our_runtime, version: "1", runtime: "14.40"}]}
"""
    matrix, bundled = load_matrix(written(tmp_path, text)), load_matrix()
    assert matrix.table("drivers")["families"]["12"] == {"linux": "520.00", "windows": "528.33"}
    assert matrix.table("drivers")["releases"] == bundled.table("drivers")["releases"]
    renumbered = matrix.table("vc_runtime")["renumbered"]
    assert renumbered[:-1] == bundled.table("vc_runtime")["renumbered"]
    assert VcRuntime(matrix).version_of("our-runtime", "1.0") == "14.40"


INVALID = {
    "not-yaml": ("schema_version: [1", 1, "", "not valid YAML"),
    "empty": ("", 0, "", "is empty"),
    "a-list": ("- 1\n", 1, "", "must be a mapping"),
    "no-version": ("rows: []\n", 1, "", "lacks schema_version"),
    "future-version": ("schema_version: 2\n", 1, "schema_version", "must be 1"),
    "misspelt": (
        "schema_version: 1\nrows:\n  - id: a\n    pyhton: 3.8-3.10\n", 4, "rows[0].pyhton", "did you mean python?"
    ),
    "bad-range": (
        "schema_version: 1\nrows:\n  - id: a\n    cuda: 11.2 to 11.8\n", 4, "rows[0].cuda", "write it as >=1.19,<2"
    ),
    "endless-python": (
        "schema_version: 1\nrows:\n  - id: a\n    python: 3.8-3.111111111\n", 4, "rows[0].python", "write minors"
    ),
    "bad-python": (
        "schema_version: 1\nrows:\n  - id: a\n    python: py38\n", 4, "rows[0].python", 'such as "3.8-3.11"'
    ),
    "bad-variant": ("schema_version: 1\nrows:\n  - {id: a, variant: cuda}\n", 3, "rows[0].variant", '"cpu" or "gpu"'),
    "bad-platform": ("schema_version: 1\nrows:\n  - {id: a, platform: Windows}\n", 3, "rows[0].platform", "win-64"),
    "number-for-text": ("schema_version: 1\nrows:\n  - {id: a, cuda: 11}\n", 3, "rows[0].cuda", "in quotes"),
    "yes-for-true": ("schema_version: 1\nrows:\n  - {id: a, avx: 1}\n", 3, "rows[0].avx", "true or false"),
    "twice": ("schema_version: 1\nrows: []\nrows: []\n", 3, "rows", "is there twice"),
    "merge-key": ("schema_version: 1\nshared:\n  a: &a {avx: true}\n  b: {<<: *a}\n", 4, "shared.b", "no merge keys"),
    "group-without-builds": (
        "schema_version: 1\ngroups:\n  - versions: {2.1.0: 2024-01-01}\n", 3, "groups[0]", "lacks builds"
    ),
    "bad-date": (
        "schema_version: 1\ngroups:\n  - versions: {2.1.0: May}\n    builds: [{platform: win-64}]\n",
        3, "groups[0].versions.2.1.0", "2026-11-22",
    ),
    "lacks-channel": (
        "schema_version: 1\ngroups:\n  - versions: {2.1.0: 2024-01-01}\n    builds: [{platform: win-64}]\n",
        4, "groups[0].builds[0]", "lacks channel, distribution",
    ),
    "unknown-block": (
        "schema_version: 1\nrows:\n  - {id: a, use: [linux-cuda-99]}\n", 3, "rows[0].use[0]", "no shared block"
    ),
    "unknown-id": ("schema_version: 1\nrows:\n  - {id: a/b, avx: true}\n", 3, "rows[0].id", "no row of the matrix"),
    "same-id": (
        "schema_version: 1\nrows:\n  - {id: pypi/tensorflow/2.10.0/win-64}\n  - {id: pypi/tensorflow/2.10.0/win-64}\n",
        4, "rows[1]", "rows[0] makes, too",
    ),
    "no-id": ("schema_version: 1\nrows:\n  - {avx: true}\n", 3, "rows[0]", "needs an id"),
    "tables-text": ("schema_version: 1\ntables: {drivers: new}\n", 2, "tables.drivers", "a mapping or a list"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field", "message"), INVALID.values(), ids=INVALID)
def test_invalid_file(tmp_path: Path, text: str, line: int, field: str, message: str) -> None:
    file = written(tmp_path, text)
    problems = validate(file, load_matrix().ids())
    assert problems
    assert (problems[0].file, problems[0].line, problems[0].field) == (file, line, field)
    assert message in problems[0].message
    with pytest.raises(UsageError) as raised:
        load_matrix(file)
    assert "\n" not in str(raised.value)
    assert file in str(raised.value)
    assert "--validate" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "its aliases expand to more than"),
        ("a: " + "[" * 5000, "is nested too deeply"),
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ), "its aliases expand to more than"),
    ],
    ids=["holds-itself", "deep", "multiplied"],
)  # fmt: skip
def test_aliases_and_depth_end_with_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    [problem] = validate(written(tmp_path, text), set())
    assert message in problem.message


def test_all_problems_are_told(tmp_path: Path) -> None:
    text = "schema_version: 1\nrows:\n  - {id: a, avx: 1, variant: x}\n  - {id: b, colour: red}\n"
    assert len(validate(written(tmp_path, text), set())) == 3


@pytest.mark.parametrize("kind", ["absent", "folder", "binary"])
def test_unreadable_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "own.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind == "binary":
        file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"own\.yaml"):
        load_matrix(str(file))
    with pytest.raises(UsageError, match=r"own\.yaml"):
        validate(str(file), set())


def published_says_valid(value: object) -> bool:
    return not list(jsonschema.Draft202012Validator(schema()).iter_errors(value))


def test_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", sorted(path.name for path in Path(DATA).glob("*.yaml")))
def test_bundled_files_fit_the_published_schema(name: str) -> None:
    document = parse((Path(DATA) / name).read_text(encoding="utf-8"), name)
    if document.value.get("kind") in ("builds", "shared"):
        assert check_document(document) == []
        assert published_says_valid(document.value)


# What the schema alone can tell; the rest (ranges, ids, blocks) is beyond JSON Schema.
BEYOND = {
    "not-yaml",
    "bad-range",
    "twice",
    "merge-key",
    "lacks-channel",
    "unknown-block",
    "unknown-id",
    "same-id",
    "no-id",
}


@pytest.mark.parametrize("name", sorted(INVALID.keys() - BEYOND))
def test_published_schema_gives_the_same_verdict(name: str) -> None:
    document = parse(INVALID[name][0], name)
    assert check_document(document)
    assert not published_says_valid(document.value)


def test_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "matrix.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    matrix = load_matrix(written(tmp_path, example))
    assert matrix.builds("tensorflow", "2.10.0", "pypi", "win-64")[0].cuda == ">=11.1,<12"
    assert {row.platform for row in matrix.builds(channel="our-channel")} == {"linux-64", "win-64"}
