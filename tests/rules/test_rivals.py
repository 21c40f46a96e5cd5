"""TFD602: which of two distributions lies on top decides whether the import works."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from tests.wholes import said
from tools.prefixes import add_dist, make_prefix

MODULE = "tensorflow/__init__.py"


@pytest.mark.parametrize(("order", "severity"), [(("2.17.1", "2.21.0"), "error"), (("2.21.0", "2.17.1"), "warning")])
def test_what_breaks_is_a_newer_release_over_an_older_one(
    tmp_path: Path, order: tuple[str, str], severity: str
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.12.1")
    for name, version in zip(("tensorflow-cpu", "tensorflow"), order, strict=True):
        add_dist(prefix, name, version, files={MODULE: f"# {version}\n"})
    (finding,) = said(f for f in diagnose(read_prefix(str(prefix)), load_matrix()).findings if f.code == "TFD602")
    assert finding.severity == severity
    assert finding.fix.commands[0][-2:] == ("tensorflow", "tensorflow-cpu")


@pytest.mark.parametrize(
    ("platform", "packages", "kept"),
    [
        (
            "win-64",
            {"tensorflow": "2.19.0", "tensorflow-intel": "2.10.0", "tensorflow-directml-plugin": "0.4.0.dev230202"},
            "tensorflow-intel==2.10.0",
        ),
        (
            "osx-arm64",
            {"tensorflow": "2.16.2", "tensorflow-macos": "2.9.2", "tensorflow-metal": "0.5.1"},
            "tensorflow-macos==2.9.2",
        ),
        # Neither is what the plugin goes with: the first comes back, as without one.
        (
            "osx-arm64",
            {"tensorflow": "2.16.2", "tensorflow-macos": "2.13.0", "tensorflow-metal": "0.5.1"},
            "tensorflow==2.16.2",
        ),
    ],
)
def test_of_several_the_one_comes_back_that_the_plugin_for_the_gpu_goes_with(
    platform: str, packages: dict[str, str], kept: str
) -> None:
    listed = [{"name": name, "version": version, "manager": "pip"} for name, version in packages.items()]
    found = diagnose(environment_of({"platform": platform, "packages": listed}, "report"), load_matrix()).findings
    (finding,) = [f for f in found if f.code == "TFD602"]
    assert finding.fix.commands[-1][-1] == kept
    assert ("plugin" in finding.fix.note) is (kept != "tensorflow==2.16.2")
