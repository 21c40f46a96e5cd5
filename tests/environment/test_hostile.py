"""Whatever a file, a report or a record holds: an answer or one sentence, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from tools.prefixes import make_prefix

SEEDS = [
    "channels: [conda-forge]\ndependencies:\n- python=3.10\n- tensorflow>=2.10,<2.12\n- pip:\n  - numpy==1.24.3\n",
    "@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/win-64/python-3.10.13-h4de0772_0_cpython.conda#00\n",
    "# Name Version Build Channel\nnumpy 1.23.5 py39_0 conda-forge\ntensorflow 2.10.0 pypi_0 pypi\n",
    "# platform: win-64\nnumpy=1.23.5=py39_0\n",
    '[{"name": "numpy", "version": "1.23.5", "build_string": "0", "channel": "conda-forge", "platform": "linux-64"}]',
    "tensorflow[and-cuda]==2.15.0 \\\n  --hash=sha256:00\nnumpy>=1.23,<2 ; python_version < '3.12'\n-e .\n",
    "version: 1\npackage:\n- name: python\n  version: 3.10.13\n  manager: conda\n  platform: linux-64\n"
    "  url: a/b-1-0.conda\n",
    "version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n      - conda: a/linux-64/b-1-0.conda\n"
    "packages:\n",
    '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[dependencies]\ntensorflow = "2.10.*"\n',
]
NASTY = st.sampled_from(
    ["\n", " ", "-", "=", ":", "[", "]", "{", "}", "#", "'", '"', "\\", ";", "@", "*", "|", "&a", "*a", "!!x", "<<:",
     "\t", "999999999999999999999", "..", "::", "==", "~=", ">=", "null", "é", "\u2028", "% ", "${{ x }}", "\x1b[2J"]
)  # fmt: skip
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def judged(path: Path) -> None:
    try:
        env = read_file(str(path), "linux-64")
    except UsageError as error:
        assert "\n" not in str(error) and str(path.name) in str(error)
        return
    findings = diagnose(env, load_matrix()).findings
    assert "TFD902" not in {finding.code for finding in findings}, findings


@QUIET
@given(st.data())
def test_mutated_files(tmp_path: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SEEDS))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:place] + data.draw(NASTY) + text[place + cut :]
    path = tmp_path / "file.txt"
    path.write_text(text, encoding="utf-8")
    judged(path)


@QUIET
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    judged(path)


WORDS = st.sampled_from(
    [
        "tensorflow",
        "numpy",
        "python",
        "cudatoolkit",
        "cudnn",
        "keras",
        "2.10.0",
        "3.12",
        "",
        "11.2",
        "x",
        "conda",
        "pip",
    ]
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | WORDS | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PACKAGE = st.fixed_dictionaries(
    {"name": WORDS},
    optional={"version": WORDS | VALUE, "manager": WORDS | VALUE, "channel": VALUE, "build": VALUE, "depends": VALUE},
)
REPORT = st.fixed_dictionaries(
    {"platform": st.sampled_from(["win-64", "linux-64", "osx-arm64", "win-32"]) | VALUE,
     "packages": st.lists(PACKAGE | VALUE, max_size=4) | VALUE},
    optional=dict.fromkeys(
        ("python", "requested", "virtual_packages", "system", "env_vars", "binaries", "working_folder", "error_text",
         "prefix", "user_site", "notes"), VALUE),
)  # fmt: skip


@QUIET
@given(REPORT | VALUE)
def test_any_report(document: Any) -> None:
    try:
        env = environment_of(document, "report.json")
    except UsageError as error:
        assert "report.json" in str(error) and "\n" not in str(error)
        return
    diagnosis = diagnose(env, load_matrix())
    assert "TFD902" not in {finding.code for finding in diagnosis.findings}, diagnosis.findings
    json.dumps(diagnosis.to_json())


@QUIET
@given(st.binary(max_size=60) | VALUE.map(lambda value: json.dumps(value).encode()))
def test_any_record(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    prefix = make_prefix(tmp_path_factory.mktemp("hostile") / "env", "linux-64")
    for name in ("tensorflow-2.15.0-cuda120_0.json", "odd.json", "numpy-2.0.0-0.json"):
        (prefix / "conda-meta" / name).write_bytes(data)
    diagnosis = diagnose(read_prefix(str(prefix)), load_matrix())
    assert "TFD902" not in {finding.code for finding in diagnosis.findings}, diagnosis.findings
    json.dumps(diagnosis.to_json())
