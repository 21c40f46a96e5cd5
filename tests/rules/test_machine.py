"""What a machine's system is too old for, and how a range of Pythons is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import is_of_disk
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.machine.python import span
from tests.wholes import said
from tools.prefixes import add_dist, make_prefix
from tools.tiny_macho import make_dylib


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ("13.0", [("warning", "macOS >=13.3")]),
        ("13.3", []),
        # Older than the wheel's tag: that is the one thing to say.
        ("11.6", [("error", "macOS >=12.0")]),
    ],
)
def test_what_was_built_for_a_newer_macos(installed: str, found: list[tuple[str, str]], tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "osx-arm64", "3.11.7")
    add_dist(prefix, "tensorflow", "2.16.1")
    site = prefix / "lib/python3.11/site-packages"
    make_dylib(site / "tensorflow/libtensorflow_framework.2.dylib", machines=["arm64"], system="12.0")
    make_dylib(site / "tensorflow/python/_pywrap.so", machines=["arm64"], system="13.3")
    env = read_prefix(str(prefix))
    env.virtual_packages = {"__osx": installed}
    findings = said(f for f in diagnose(env, load_matrix()).findings if f.code == "TFD103")
    assert [(f.severity, f.expected) for f in findings] == found
    assert all(is_of_disk(f) == (f.severity == "warning") for f in findings)


@pytest.mark.parametrize(
    ("minors", "said_so"),
    [
        (["3.8", "3.7", "3.8"], ">=3.7,<3.9"),
        (["3.9", "3.10", "3.11"], ">=3.9,<3.12"),
        (["3.12"], ">=3.12,<3.13"),
        (["3.6", "3.8"], "3.6.*|3.8.*"),
        (["2.7", "3.8"], "2.7.*|3.8.*"),
        ([], ""),
    ],
)
def test_a_range_of_pythons(minors: list[str], said_so: str) -> None:
    assert span(minors) == said_so
