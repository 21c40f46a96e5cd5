"""Files repaired in place: what has to change does, and not one byte besides."""

# The files are data, and read better whole.
# ruff: noqa: E501

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair.demands import Demands, parse_demand
from conda_tf_doctor.repair.files.edit import load
from conda_tf_doctor.repair.files.entry import line_spans
from conda_tf_doctor.repair.files.session import FileSession
from conda_tf_doctor.repair.session import Result, Wishes


def _fix(path: Path, *to: str, without: Iterable[str] = (), platform: str = "linux-64", **wishes: object) -> Result:
    demands = Demands(tuple(parse_demand(text) for text in to), without=frozenset(without))
    wanted = Wishes("console", demands, frozenset(), yes=True, json=True, quiet=True, offline=True)
    session = FileSession(str(path), platform, "", load_matrix(), wanted._replace(**wishes), Style(StringIO(), False))
    return session.run()


def _write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8"))
    return path


ROUND_TRIPS = {
    "comments-order-quotes": (
        "environment.yml",
        "# ours\nname:   tf   # the name\nchannels: [conda-forge]\n\ndependencies:\n"
        "- python=3.12      # newest\n- 'numpy=2.1'\n- \"scipy\"\n\n- pip:\n    - tensorflow==2.10.0  # old\n    - protobuf==4.25.3\n",
        {"python=3.12": "python=3.10", "numpy=2.1": "numpy=1.26", "protobuf==4.25.3": "protobuf==3.19.6"},
    ),
    "anchors-and-tags": (
        "env.yaml",
        "x-pins: &all\n  - one\ndependencies:\n  - &np numpy==2.0.2\n  - !!str python=3.11\n  - pip:\n    - tensorflow==2.15.0\n",
        {"numpy==2.0.2": "numpy==1.26.4"},
    ),
    "windows-line-ends": (
        "environment.yml",
        "name: tf\r\ndependencies:\r\n  - python=3.11\r\n  - pip:\r\n    - tensorflow==2.15.0\r\n    - numpy==2.1.3\r\n",
        {"numpy==2.1.3": "numpy==1.26.4"},
    ),
    "byte-order-mark": (
        "environment.yml",
        "\ufeffdependencies:\n  - python=3.11\n  - pip:\n    - tensorflow==2.15.0\n    - numpy==2.1.3",
        {"numpy==2.1.3": "numpy==1.26.4"},
    ),
    "flow-lists": (
        "environment.yml",
        "dependencies: [python=3.12, 'numpy=2.1', pip, {pip: [tensorflow==2.10.0]}]\n",
        {"python=3.12": "python=3.10", "numpy=2.1": "numpy=1.26"},
    ),
    "spaces-channels-builds": (
        "environment.yml",
        "dependencies:\n  - conda-forge::python 3.12\n  - numpy  2.1.3  py312_0\n  - pip:\n    - tensorflow == 2.10.0\n"
        "    - protobuf >= 4.21 , < 6 ; sys_platform == 'linux'\n",
        {
            "python 3.12": "python 3.10.18",
            "numpy  2.1.3  py312_0": "numpy  1.26.4",
            "protobuf >= 4.21 , < 6 ;": "protobuf >=3.9.2,<3.20 ;",
        },
    ),
    "brackets": (
        "environment.yml",
        "dependencies:\n  - python[version='3.11.*']\n  - numpy[version=\"2.1.*\", channel=conda-forge]\n  - pip:\n    - tensorflow==2.15.0\n",
        {"2.1.*": "1.26.*"},
    ),
    "other-platforms": (
        "environment.yml",
        "dependencies:\n  - python=3.11\n  - numpy=2.1  # [win]\n  - numpy=2.0  # [linux]\n  - pip:\n    - tensorflow==2.15.0\n"
        "    - protobuf==5.28.3 ; sys_platform == 'darwin'\n",
        {"numpy=2.0": "numpy=1.26"},
    ),
    "requirements": (
        "requirements.txt",
        "# pinned by hand\n--index-url https://example.invalid/simple\ntensorflow[and-cuda]==2.15.0  # old\nnumpy==2.1.3;python_version>'3.4'\n"
        "keras\n",
        {"numpy==2.1.3": "numpy==1.26.4"},
    ),
    "requirements-without-last-line-end": (
        "requirements.txt",
        "tensorflow==2.15.0\r\nnumpy==2.0",
        {"numpy==2.0": "numpy==1.26.4"},
    ),
    "pixi": (
        "pixi.toml",
        '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n\n[dependencies]\npython = "3.12.*"   # newest\n'
        'numpy = { version = "2.1.*", channel = "conda-forge" }\n\n[pypi-dependencies]\ntensorflow = "==2.10.0"\n',
        {'"3.12.*"': '"3.10.*"', '"2.1.*"': '"1.26.*"'},
    ),
    "pyproject": (
        "pyproject.toml",
        '[project]\nname = "mine"\nversion = "2.1"\n\n[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'
        '[tool.pixi.dependencies]\npython = "==3.12.1"\n[tool.pixi.dependencies.numpy]\nversion = ">=1.26"\n'
        '[tool.pixi.pypi-dependencies]\ntensorflow = { version = "==2.10.0", extras = ["and-cuda"] }\nprotobuf = \'==4.25.3\'\n',
        {'"==3.12.1"': '"==3.10.18"', "'==4.25.3'": "'==3.19.6'"},
    ),
    "pixi-in-every-notation": (
        "pixi.toml",
        '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[dependencies]\npython = "3.10.*"\nnumpy.version = "2.1.*"\n'
        '"scipy" = "*"\n[target.win-64.dependencies]\nnumpy = "2.0.*"\n[pypi-dependencies]\ntensorflow = "==2.15.0"',
        {'"2.1.*"': '"1.26.*"'},
    ),
    "project": (
        "pyproject.toml",
        '[project]\nname = "mine"\nrequires-python = ">=3.10"\ndependencies = [\n  "requests>=2",  # http\n'
        '  \'tensorflow==2.15.0 ; python_version < "3.12"\',\n  "numpy==2.0.2" # newest\n]\n[tool.mine]\ntext = """\nnumpy==2.0.2\n"""\n'
        '[project.optional-dependencies]\nold = ["numpy==2.0.1", "tensorflow==2.18.0"]\n',
        {'"numpy==2.0.2" #': '"numpy==1.26.4" #'},
    ),
    "project-with-escapes-in-a-marker": (
        "pyproject.toml",
        '\ufeffproject.name = "mine"\r\nproject.requires-python = ">=3.10"\r\nproject.dependencies = ["tensorflow==2.15.0", '
        '"numpy==2.0.2; platform_machine == \\"x86_64\\""]\r\n',
        {"numpy==2.0.2": "numpy==1.26.4"},
    ),
    "extra-with-tensorflow": (
        "pyproject.toml",
        '[project]\nname = "mine"\ndependencies = ["numpy==2.1.0"]\n[project.optional-dependencies]\ngpu = ["tensorflow[and-cuda]==2.15.0"]\n',
        {"numpy==2.1.0": "numpy==1.26.4"},
    ),
    "groups": (
        "pyproject.toml",
        '[dependency-groups]\ntest = ["pytest", "numpy==2.0.0"]\ntrain = [{include-group = "base"}, "tensorflow==2.15.0"]\nbase = ["six", "numpy==2.1.0"]\n',
        {"numpy==2.1.0": "numpy==1.26.4"},
    ),
    "group-of-uv": (
        "pyproject.toml",
        '[project]\nname = "mine"\ndependencies = []\n[tool.uv]\ndev-dependencies = ["numpy==2.1.0","tensorflow==2.15.0"]\n',
        {"numpy==2.1.0": "numpy==1.26.4"},
    ),
    "project-of-pixi": (
        "pyproject.toml",
        '[project]\nname = "mine"\ndependencies = ["tensorflow==2.15.0", "numpy==2.1.0"]\n[project.optional-dependencies]\nold = ["numpy==2.0.1"]\n'
        '[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[tool.pixi.dependencies]\npython = "3.10.*"\n',
        {"numpy==2.1.0": "numpy==1.26.4"},
    ),
    "pipfile": (
        "Pipfile",
        '[[source]]\nname = "x"\n\n[packages]\ntensorflow = "==2.15.0"  # model\nnumpy = {version = "==2.0.2", markers = "os_name == \'posix\'"}\n'
        'requests = "*"\n\n[requires]\npython_version = "3.10"\n',
        {'"==2.0.2"': '"==1.26.4"'},
    ),
}


@pytest.mark.parametrize(("name", "text", "replaced"), ROUND_TRIPS.values(), ids=ROUND_TRIPS)
def test_only_the_versions_change(name: str, text: str, replaced: dict[str, str], tmp_path: Path) -> None:
    path = _write(tmp_path, name, text)
    result = _fix(path)
    expected = text
    for old, new in replaced.items():
        assert text.count(old) == 1
        expected = expected.replace(old, new)
    assert path.read_bytes().decode("utf-8") == expected
    assert result.status == 0
    assert result.document["written"] is True
    assert _fix(path).document["changes"] == []
    assert path.read_bytes().decode("utf-8") == expected


def test_ranges_are_narrowed_and_bare_names_bounded(tmp_path: Path) -> None:
    text = "dependencies:\n  - python>=3.9\n  - numpy>=1.20,<3\n  - pip:\n    - tensorflow==2.15.0\n    - keras\n"
    path = _write(tmp_path, "environment.yml", text)
    _fix(path, "numpy<2", "keras=2.15")
    after = path.read_text(encoding="utf-8")
    assert "  - numpy>=1.20,<2\n" in after
    assert "    - keras==2.15.*\n" in after


IN_TOML = {
    "a line each": (
        "pyproject.toml",
        '[project]\ndependencies = [\n    "tensorflow==2.15.0",  # model\n    "six"\n]\n',
        '[project]\ndependencies = [\n    "protobuf<4.25",\n    "tensorflow==2.15.0",  # model\n]\n',
    ),
    "one line": (
        "pyproject.toml",
        '[project]\ndependencies = ["six","tensorflow==2.15.0"]\n',
        '[project]\ndependencies = ["protobuf<4.25", "tensorflow==2.15.0"]\n',
    ),
    "the last of a line": (
        "pyproject.toml",
        '[dependency-groups]\ntf = ["tensorflow==2.15.0", "six"] # all\n',
        '[dependency-groups]\ntf = ["protobuf<4.25", "tensorflow==2.15.0"] # all\n',
    ),
    "a table": (
        "Pipfile",
        '[packages]\nsix = {version = "*"}\ntensorflow = "==2.15.0"\n\n[dev-packages]\npytest = "*"\n',
        '[packages]\ntensorflow = "==2.15.0"\nprotobuf = "<4.25"\n\n[dev-packages]\npytest = "*"\n',
    ),
}


@pytest.mark.parametrize(("name", "text", "after"), IN_TOML.values(), ids=IN_TOML)
def test_requirements_in_toml_come_and_go(name: str, text: str, after: str, tmp_path: Path) -> None:
    path = _write(tmp_path, name, text)
    assert _fix(path, "protobuf<4.25", without=["six"]).status == 0
    assert path.read_text(encoding="utf-8") == after


PIXI = '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["win-64"]\n'
PIPS = 'pypi-dependencies]\ntensorflow = "==2.15.1"\n'
# conda-forge has none for Windows; pip has.
NEW_TABLES = {
    "pixi.toml": (
        "pixi.toml",
        PIXI + '[dependencies]\npython = "3.11.*"\ntensorflow = "2.15.*"\n',
        PIXI + f'[dependencies]\npython = "3.11.*"\n\n[{PIPS}',
    ),
    "beside what follows": (
        "pixi.toml",
        PIXI + '[dependencies]\r\ntensorflow = "2.15.*"\r\npython = "3.11.*"\r\n[tasks]\r\na = "b"\r\n',
        PIXI + f'[dependencies]\r\npython = "3.11.*"\r\n[tasks]\r\na = "b"\r\n\r\n[{PIPS}'.replace('"]\n', '"]\r\n'),
    ),
    "a feature": (
        "pixi.toml",
        PIXI + '[feature."a.b".dependencies]\npython = "3.11.*"\ntensorflow = "2.15.*"\n[environments]\ndefault = ["a.b"]',
        PIXI + '[feature."a.b".dependencies]\npython = "3.11.*"\n[environments]\ndefault = ["a.b"]\n\n[feature."a.b".'
        + PIPS.removesuffix("\n"),
    ),
    "a platform": (
        "pixi.toml",
        PIXI + '[dependencies]\npython = "3.11.*"\n[target.win-64.dependencies]\ntensorflow = "2.15.*"\nsix = "*"\n',
        PIXI + '[dependencies]\npython = "3.11.*"\n[target.win-64.dependencies]\nsix = "*"\n\n[target.win-64.' + PIPS,
    ),
    "pyproject.toml": (
        "pyproject.toml",
        PIXI.replace("workspace", "tool.pixi.workspace")
        + '[tool.pixi.dependencies]\npython = "3.11.*"\ntensorflow = "2.15.*"\n',
        PIXI.replace("workspace", "tool.pixi.workspace")
        + '[tool.pixi.dependencies]\npython = "3.11.*"\n\n[tool.pixi.' + PIPS,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "after"), NEW_TABLES.values(), ids=NEW_TABLES)
def test_pips_packages_get_a_table_where_a_manifest_has_none(name: str, text: str, after: str, tmp_path: Path) -> None:
    path = _write(tmp_path, name, text)
    assert _fix(path, platform="win-64").status == 0
    assert path.read_bytes().decode().replace("\r\n", "\n") == after.replace("\r\n", "\n")
    assert ("\r\n[" in path.read_bytes().decode()) == ("\r" in text)


@pytest.mark.parametrize(
    ("listed", "after"),
    [
        ("[python=3.11, tensorflow=2.15]", "[python=3.11, pip, {pip: [tensorflow==2.15.1]}]"),
        ("[tensorflow=2.15, 'python=3.11', pip]  # all", "['python=3.11', pip, {pip: [tensorflow==2.15.1]}]  # all"),
        (
            "[python=3.11,\n tensorflow=2.15,  # it\n numpy=2.0]",
            "[python=3.11,\n numpy=1.26, pip, {pip: [tensorflow==2.15.1]}]",
        ),
    ],
)
def test_pips_packages_get_a_section_between_brackets(listed: str, after: str, tmp_path: Path) -> None:
    path = _write(tmp_path, "environment.yml", f"channels: [conda-forge]\ndependencies: {listed}\n")
    for _ in range(2):  # once more nothing has to change
        assert _fix(path, platform="win-64").status == 0
        assert path.read_text(encoding="utf-8") == f"channels: [conda-forge]\ndependencies: {after}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # TensorFlow brought it: alone, a table of pip's is nothing that pixi can install.
        ("pixi.toml", PIXI + '[dependencies]\ntensorflow = "2.15.*"\n'),
        # A list whose entries stand below their dashes is read, and nothing is put into it.
        ("environment.yml", "channels: [conda-forge]\ndependencies:\n-\n  python=3.11\n-\n  tensorflow=2.15\n"),
    ],
    ids=["without a Python", "below their dashes"],
)
def test_some_files_have_no_place_for_pips_packages(name: str, text: str, tmp_path: Path) -> None:
    path = _write(tmp_path, name, text)
    assert _fix(path, platform="win-64").status == 1
    assert path.read_text(encoding="utf-8") == text


def test_who_is_to_go_has_to_be_there(tmp_path: Path) -> None:
    path = _write(tmp_path, "requirements.txt", "tensorflow==2.15.0\nnumpy==2.0.2\nrequests\n")
    with pytest.raises(UsageError, match=r"--without reqests: .* has no reqests \(did you mean requests\?\)"):
        _fix(path, without=["reqests"])
    # Though nothing is wrong with it.
    _fix(path, without=["requests"])
    assert path.read_text(encoding="utf-8") == "tensorflow==2.15.0\nnumpy==1.26.4\n"


def test_missing_packages_are_added_beside_tensorflow(tmp_path: Path) -> None:
    text = "dependencies:\n  # tools\n  - python=3.10\n  - cudatoolkit=11.2\n  - pip:\n      - tensorflow-gpu==2.10.1  # gpu\n      - six\n"
    path = _write(tmp_path, "environment.yml", text)
    _fix(path, "cudnn=8.1", "protobuf<3.20")
    after = path.read_text(encoding="utf-8")
    assert "  - cudatoolkit=11.2\n  - cudnn=8.1.*\n" in after
    assert "      - tensorflow-gpu==2.10.1  # gpu\n      - protobuf<3.20\n" in after or "protobuf <3.20" in after


OPEN_ENDS = {
    "flow": ("dependencies: [tensorflow=2.10, protobuf]\n", "protobuf=3.20.3.*, python="),
    "no line end": ("dependencies:\n  - tensorflow=2.10\n  - protobuf", "  - protobuf=3.20.3"),
}


@pytest.mark.parametrize(("text", "part"), OPEN_ENDS.values(), ids=OPEN_ENDS)
def test_what_the_last_entry_gains_stays_with_it(text: str, part: str, tmp_path: Path) -> None:
    path = _write(tmp_path, "environment.yml", text)
    _fix(path, "protobuf=3.20.3", "python=3.10")
    after = path.read_text(encoding="utf-8")
    assert part in after
    versions = {package.name: package.version for package in read_file(str(path), "linux-64").packages}
    assert versions["protobuf"].startswith("3.20.3"), after
    assert versions["python"].startswith("3.10"), after


# The channels have it for other platforms alone. The file's list; what comes of it.
BY_PIP_INSTEAD = {
    "no section of pip's": (
        "  - python=3.9\n  - tensorflow=2.12  # ours\n  - numpy=1.23\n",
        "  - python=3.9\n  - numpy=1.23\n  - pip\n  - pip:\n    - tensorflow==2.12.1\n",
    ),
    "pip, and no section": (
        "- python=3.9\n- pip\n- tensorflow>=2.5,<2.9\n- numpy=1.23\n",
        "- python=3.9\n- pip\n- numpy=1.23\n- pip:\n  - tensorflow==2.8.4\n",
    ),
    "a section, and a part": (
        "  - tensorflow=2.12\n  - tensorflow-base=2.12\n  - python=3.9\n  - pip:\n      - six\nname: mine\n",
        "  - python=3.9\n  - pip:\n      - six\n      - tensorflow==2.12.1\nname: mine\n",
    ),
    "no end of the last line": (
        "  - python=3.9\n  - tensorflow=2.12",
        "  - python=3.9\n  - pip\n  - pip:\n    - tensorflow==2.12.1",
    ),
    "with what another finding adds": (
        "  - python=3.9\n  - tensorflow=2.12\n  - numpy=2.0\n",
        "  - python=3.9\n  - numpy=1.23\n  - pip\n  - pip:\n    - tensorflow==2.12.1\n",
    ),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(("before", "after"), BY_PIP_INSTEAD.values(), ids=BY_PIP_INSTEAD)
def test_where_conda_has_it_for_other_platforms_alone_pip_brings_it(
    before: str, after: str, ends: str, tmp_path: Path
) -> None:
    head = "channels: [conda-forge, nodefaults]\ndependencies:\n"
    path = _write(tmp_path, "environment.yml", (head + before).replace("\n", ends))
    result = _fix(path, platform="win-64")
    assert result.status == 0 and result.document["findings_after"] == []
    assert path.read_bytes().decode() == (head + after).replace("\n", ends)
    assert _fix(path, platform="win-64").document["changes"] == []


@pytest.mark.parametrize("python", ["", "  - python=3.10\n", "  - python=3.9\n"])
def test_a_range_of_what_is_for_older_pythons_alone_is_repaired(python: str, tmp_path: Path) -> None:
    text = f"channels: [conda-forge]\ndependencies:\n{python}  - tensorflow=2.10\n  - numpy<1.17\n"
    path = _write(tmp_path, "environment.yml", text)
    assert _fix(path).status == 0
    assert path.read_text(encoding="utf-8") == text.replace("numpy<1.17", "numpy>=1.20,<2")


OF_MARKERS = {
    "another platform's": ("sys_platform == 'linux'", "sys_platform == 'win32'", "linux-64", ["1.26.4", "2.0.2"]),
    "another python's": ("python_version < '3.12'", "python_version >= '3.16'", "linux-64", ["1.26.4", "2.0.2"]),
}


@pytest.mark.parametrize(("mine", "other", "platform", "versions"), OF_MARKERS.values(), ids=OF_MARKERS)
def test_a_line_whose_marker_does_not_hold_stays(
    mine: str, other: str, platform: str, versions: list[str], tmp_path: Path
) -> None:
    text = f"tensorflow==2.15.0\nnumpy==2.1.3 ; {mine}\nnumpy==2.0.2 ; {other}\n"
    path = _write(tmp_path, "requirements.txt", text)
    assert _fix(path, "numpy==1.26.4", platform=platform).status == 0
    expected = f"tensorflow==2.15.0\nnumpy=={versions[0]} ; {mine}\nnumpy=={versions[1]} ; {other}\n"
    assert path.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("marker", ["sys_platform == 'win32'", "no marker"])
def test_where_a_marker_tells_nothing_its_line_counts(marker: str, tmp_path: Path) -> None:
    path = _write(tmp_path, "requirements.txt", f"numpy==2.0.2 ; {marker}\n")
    assert [entry.applies for entry in load(str(path)).entries] == [True]


def test_lines_of_a_text_are_its_own() -> None:
    assert line_spans("") == []
    assert line_spans("one\r\n\ntwo\n") == [(0, 5), (5, 6), (6, 10)]
    assert line_spans("one\ntwo") == [(0, 4), (4, 7)]


def test_second_distribution_goes(tmp_path: Path) -> None:
    text = "tensorflow==2.15.0\n# the other one\ntensorflow-cpu==2.14.0\nnumpy==1.26.4\n"
    path = _write(tmp_path, "requirements.txt", text)
    result = _fix(path)
    if result.document["changes"]:
        assert path.read_text(encoding="utf-8") == text.replace("tensorflow-cpu==2.14.0\n", "")
    assert result.status == 0


REFUSED = {
    "explicit": ("spec.txt", "@EXPLICIT\nhttps://example.invalid/conda-forge/linux-64/tensorflow-2.15.0-cpu_py311h6a1f3a4_3.conda\n", "exact solution"),
    "hashes": ("requirements.txt", "tensorflow==2.15.0\nnumpy==2.1.3 \\\n    --hash=sha256:" + "0" * 64 + "\n", "hashes"),
    "hashes-of-another-name": ("requirements.txt", "tensorflow-gpu==2.12.0 \\\n    --hash=sha256:" + "0" * 64 + "\n", "line 1: tensorflow has to change to tensorflow==.* hashes"),
    "address": ("requirements.txt", "tensorflow==2.15.0\nnumpy @ https://example.invalid/numpy-2.1.3-cp311-cp311-linux_x86_64.whl\n", "address"),
    "escapes-in-toml": ("pyproject.toml", '[project]\ndependencies = ["tensorflow==2.15.0", "num\\u0070y==2.0.2"]\n', "escapes"),
    "lines-in-toml": ("pyproject.toml", '[project]\ndependencies = ["tensorflow==2.15.0", """numpy==2.0.2"""]\n', "line 2: a text over several lines"),
    "inline-table": ("pixi.toml", '[workspace]\nplatforms = ["linux-64"]\n[target]\nlinux.dependencies = {numpy = "2.0.*", python = "3.10.*"}\n[pypi-dependencies]\ntensorflow = "==2.15.0"\n', "with others in one line"),
    "poetry": ("pyproject.toml", '[tool.poetry.dependencies]\ntensorflow = "2.15.0"\nnumpy = "^2.0"\n', "not edited here"),
    "pylock": ("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "tensorflow"\nversion = "2.15.0"\n', "repair the file that it is made from"),
    "escapes": ("environment.yml", 'dependencies:\n  - "num\\x70y=2.1"\n  - python=3.11\n  - pip:\n    - tensorflow==2.15.0\n', "escapes"),
    "no-tensorflow": ("requirements.txt", "numpy==2.1.3\n", "no TensorFlow"),
    "empty-table": ("pixi.toml", '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[dependencies]\n', "no TensorFlow"),
    "nothing-in-toml": ("pyproject.toml", '[project]\nname = "mine"\n', "lists no dependencies"),
    "no-yaml": ("environment.yml", "dependencies: [a\n", "is not valid YAML in line 2"),
    "json": ("packages.json", '[{"name": "tensorflow", "version": "2.15.0"}]\n', "is JSON that a tool wrote"),
    "several-lines": ("environment.yml", 'dependencies:\n  - python=3.11\n  - "numpy\n    =2.1"\n  - pip:\n    - tensorflow==2.15.0\n', "line 3: .* over several lines"),
    "listed-by-conda": ("packages.txt", "# platform: linux-64\nnumpy=2.1.3=pypi_0\npython=3.11.5=h0_0\ntensorflow=2.15.0=cpu_py311h1_0\n", "line 2: .* pip has installed it, and conda only lists it"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_edited_is_refused_and_stays(name: str, text: str, reason: str, tmp_path: Path) -> None:
    path = _write(tmp_path, name, text)
    with pytest.raises(UsageError, match=reason):
        _fix(path)
    assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "-r base.txt\nsix\n"),
        (
            "pyproject.toml",
            '[project]\nname = "mine"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\n'
            'dependencies = {file = ["base.txt"]}\n',
        ),
    ],
)
def test_what_stands_in_another_file_is_changed_there(name: str, text: str, tmp_path: Path) -> None:
    path, base = _write(tmp_path, name, text), _write(tmp_path, "base.txt", "tensorflow==2.15.0\nnumpy==2.1.3\n")
    for without, what in (((), "numpy has to become numpy"), (("numpy",), "numpy has to go")):
        with pytest.raises(UsageError, match=f"{what}.* stands in .*base.txt: line 2, which .*{name} includes"):
            _fix(path, without=without)
    assert path.read_text() == text and base.read_text() == "tensorflow==2.15.0\nnumpy==2.1.3\n"
    base.write_text("tensorflow==2.15.0\nnumpy==1.26.4\n")
    assert _fix(path).document["changes"] == []
    with pytest.raises(UsageError, match=r"--to python: .* has no place for it"):
        _fix(path, "python=3.10")


def _generated(seed: int) -> str:
    """Return an environment.yml as people write them; the seed makes it the same each time."""
    rng = random.Random(seed)
    newline = rng.choice(["\n", "\n", "\r\n"])
    indent = rng.choice(["", "  ", "    "])

    def comment() -> str:
        return rng.choice(["", "", "  # why", "   #pinned, see 'notes'", " # ümlaut"])

    def item(text: str) -> str:
        quote = rng.choice(["", "", "'", '"'])
        anchor = f"&a{rng.randrange(10**9)} " if rng.random() < 0.1 else ""
        return f"{anchor}{quote}{text}{quote}{comment()}"

    python = rng.choice(["3.9", "3.10", "3.11", "3.12", "3.13"])
    tensorflow = rng.choice(["2.4.1", "2.8.0", "2.10.0", "2.12.0", "2.15.0", "2.16.1", "2.18.0", "2.19.0"])
    conda = [f"python{rng.choice(['=', '==', ' ='])}{python}", "pip", rng.choice(["scipy", "pandas>=1.3", "jupyter"])]
    if rng.random() < 0.4:
        conda += [
            f"cudatoolkit={rng.choice(['10.1', '11.2', '11.8'])}",
            f"cudnn={rng.choice(['7.6', '8.1', '8.4', '9.3'])}",
        ]
    numpy = rng.choice(["1.19.5", "1.23.5", "1.26.4", "2.0.2", "2.1.3"])
    pip = [f"tensorflow{rng.choice(['==', ' == '])}{tensorflow}"]
    (conda if rng.random() < 0.5 else pip).append(f"numpy=={numpy}")
    if rng.random() < 0.6:
        pip.append(f"protobuf=={rng.choice(['3.19.6', '3.20.3', '4.25.8', '5.28.3'])}")
    if rng.random() < 0.4:
        pip.append(f"keras{rng.choice(['==', '~='])}{rng.choice(['2.4.3', '2.10.0', '2.15.0', '3.5.0'])}")
    pip += rng.sample(["requests", "tqdm>=4", "-e .", "matplotlib!=3.6.1"], 2)
    rng.shuffle(conda)
    rng.shuffle(pip)
    lines = [f"name: env{seed}{comment()}", "channels:", f"{indent}- conda-forge", "", f"dependencies:{comment()}"]
    for text in conda:
        lines.append(f"{indent}-{rng.choice([' ', '  '])}{item(text)}")
        if rng.random() < 0.15:
            lines.append(rng.choice(["", f"{indent}# between", "# at the margin"]))
    lines.append(f"{indent}- pip:")
    lines += [f"{indent}{rng.choice(['    '])}- {item(text)}" for text in pip]
    lines += rng.choice([[], ["variables:", "  TF_CPP_MIN_LOG_LEVEL: '2'"], ["prefix: /opt/envs/tf  # old"]])
    return newline.join(lines) + rng.choice([newline, "", newline * 2])


@pytest.mark.parametrize("block", range(8))
def test_two_hundred_generated_files(block: int, tmp_path: Path) -> None:
    changed = 0
    for seed in range(block * 25, block * 25 + 25):
        text = _generated(seed)
        path = _write(tmp_path, f"environment{seed}.yml", text)
        result = _fix(path)
        document = result.document
        assert document["conflict"] is None
        after = path.read_bytes().decode("utf-8")
        planned = {c["where"].rsplit(":", 1)[-1] for c in document["changes"] if ":" in c["where"]}
        added = [c for c in document["changes"] if ":" not in c["where"]]
        old, new = text.split("\n"), after.split("\n")
        assert len(new) == len(old) + len(added), text
        if not added:
            differing = {str(n) for n, (one, other) in enumerate(zip(old, new, strict=True), 1) if one != other}
            assert differing == planned, text
        for line in set(old) - set(new):
            # Around the version, the line is what it was.
            name = line.split("=")[0].split("~")[0].rstrip()
            tail = line[line.index("#") :] if "#" in line else line[-1:] if line.endswith(("'", '"', "\r")) else ""
            assert [each for each in new if each.startswith(name) and each.endswith(tail)], (line, after)
        announced = {(f["code"], f["package"]) for f in document["announced"]}
        errors = [f for f in diagnose(read_file(str(path), "linux-64"), load_matrix()).findings if f.severity == ERROR]
        assert [f.message for f in errors if (f.code, f.package) not in announced] == [], after
        assert _fix(path).document["changes"] == []
        assert path.read_bytes().decode("utf-8") == after
        changed += bool(document["changes"])
    assert changed >= 8  # the files are broken often enough for the test to mean something


def test_entries_are_found_where_they_are(tmp_path: Path) -> None:
    text = "dependencies:\n  - numpy >=1.20,<2  # c\n  - pip:\n    - Keras[extra] ~= 2.10 ; python_version > '3.8'\n"
    listing = load(str(_write(tmp_path, "environment.yml", text)))
    assert [(e.name, text[e.start : e.end]) for e in listing.entries] == [
        ("numpy", " >=1.20,<2"),
        ("keras", " ~= 2.10"),
    ]


BROKEN = "dependencies:\n  - python=3.11\n  - pip:\n    - tensorflow==2.15.0\n    - numpy==2.1.3\n"


def test_output_elsewhere_leaves_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, other = _write(tmp_path, "environment.yml", BROKEN), tmp_path / "repaired.yml"
    assert console(["fix", "--file", str(path), "--output", str(other), "--yes", "--offline"]) == 0
    assert path.read_text(encoding="utf-8") == BROKEN
    assert other.read_text(encoding="utf-8") == BROKEN.replace("2.1.3", "1.26.4")
    capsys.readouterr()
    assert console(["fix", "--file", str(path), "--output", "-", "--yes", "--offline"]) == 0
    assert capsys.readouterr().out == BROKEN.replace("2.1.3", "1.26.4")


def test_diff_prints_a_unified_diff_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path, "environment.yml", BROKEN)
    assert console(["fix", "--file", str(path), "--diff", "--offline"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("--- ") and out[1].startswith("+++ ") and out[2].startswith("@@")
    assert "-    - numpy==2.1.3" in out and "+    - numpy==1.26.4" in out
    assert path.read_text(encoding="utf-8") == BROKEN


def test_without_a_terminal_nothing_is_written_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, "environment.yml", BROKEN)
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert console(["fix", "--file", str(path), "--offline"]) == 1
    assert "Nothing was written" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == BROKEN


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path, "environment.yml", BROKEN)
    assert console(["fix", "--file", str(path), "--dry-run", "--json", "--offline"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(c["package"], c["from"], c["to"], c["where"]) for c in document["changes"]] == [
        ("numpy", "2.1.3", "1.26.4", "environment.yml:5")
    ]
    assert document["unverified"]


@pytest.mark.parametrize(
    ("channels", "entry", "tensorflow", "repaired"),
    [
        ("conda-forge", "cudatoolkit=12.1", "tensorflow=2.15", "cuda-version=12.1"),
        (
            "nvidia, defaults",
            "cudatoolkit 12.4.*   # GPU",
            "pip:\n    - tensorflow==2.17.0",
            "cuda-toolkit 12.4.*   # GPU",
        ),
        ("conda-forge", "cudatoolkit=11.8", "tensorflow=2.12", ""),
        ("conda-forge", "cudatoolkit>=11.2,<13", "tensorflow=2.12", ""),
        # What a channel of somebody's own has nobody knows.
        ("ours, conda-forge", "cudatoolkit=12.1", "tensorflow=2.15", ""),
    ],
    ids=["for conda's", "for pip's", "the last", "a range", "another channel"],
)
def test_a_cudatoolkit_that_never_was_goes_on_under_another_name(
    tmp_path: Path, channels: str, entry: str, tensorflow: str, repaired: str
) -> None:
    text = f"channels: [{channels}]\ndependencies:\n  - python=3.10\n  - {entry}\n  - {tensorflow}\n"
    path = _write(tmp_path, "environment.yml", text)
    found = [f for f in diagnose(read_file(str(path), "linux-64"), load_matrix()).findings if f.severity == ERROR]
    assert [(f.code, f.package) for f in found] == ([("TFD103", "cudatoolkit")] if repaired else [])
    assert _fix(path).status == 0
    assert path.read_text(encoding="utf-8") == (text.replace(entry, repaired) if repaired else text)
