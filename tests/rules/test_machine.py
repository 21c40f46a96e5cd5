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
from tools.files import read
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


@pytest.mark.parametrize(
    ("channels", "python", "found"),
    [
        # conda-forge never had 2.3; conda takes that of defaults, which mostly counts as well.
        ("conda-forge", "3.10", [("error", "certain", ">=3.7,<3.9")]),
        ("conda-forge", "3.8", []),
        # That there is none at all is said by another rule, and of a channel that nobody knows nothing.
        ("conda-forge, nodefaults", "3.10", []),
        ("ours, conda-forge", "3.10", []),
    ],
)
def test_a_file_is_held_to_the_pythons_of_every_channel_that_counts(
    channels: str, python: str, found: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    text = f"channels: [{channels}]\ndependencies: [python={python}, tensorflow=2.3]\n"
    env = read(tmp_path, text, "environment.yml", "linux-64")
    findings = [f for f in diagnose(env, load_matrix()).findings if f.code == "TFD201"]
    assert [(f.severity, f.confidence, f.expected) for f in findings] == found
