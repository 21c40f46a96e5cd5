"""TFD501: what pip recorded of TensorFlow is gone as a whole, as an uninstalled sibling leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from tools.prefixes import add_dist, add_record, make_prefix

MODULE = "tensorflow/__init__.py"


def gone(prefix: Path) -> list[Finding]:
    return [f for f in diagnose(read_prefix(str(prefix)), load_matrix()).findings if f.code == "TFD501"]


@pytest.mark.parametrize("platform", ["linux-64", "win-64"])
def test_the_shared_folder_was_taken_along(tmp_path: Path, platform: str) -> None:
    prefix = make_prefix(tmp_path / "env", platform, "3.10.13")
    site = add_dist(prefix, "tensorflow", "2.10.1", files={MODULE: "", "tensorflow/python/x.py": ""}).parent
    assert gone(prefix) == []
    for path in sorted((site / "tensorflow").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (finding,) = gone(prefix)
    assert (finding.severity, finding.package, finding.confidence) == ("error", "tensorflow", "certain")
    assert finding.fix.commands[0][-1] == "tensorflow==2.10.1"


def test_a_wheel_that_never_had_the_module_lost_nothing(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.12.0", files={"tensorflow-2.12.0.dist-info/LICENSE": ""})
    add_dist(prefix, "tensorflow-intel", "2.12.0", files={MODULE: ""})
    assert gone(prefix) == []


def test_a_record_of_conda_is_conda_s_business(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310hd1aba9c_0", distribution="tensorflow")
    assert gone(prefix) == []


@pytest.mark.parametrize(("order", "severity"), [(("2.17.1", "2.21.0"), "error"), (("2.21.0", "2.17.1"), "warning")])
def test_what_breaks_is_a_newer_release_over_an_older_one(
    tmp_path: Path, order: tuple[str, str], severity: str
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.12.1")
    for name, version in zip(("tensorflow-cpu", "tensorflow"), order, strict=True):
        add_dist(prefix, name, version, files={MODULE: f"# {version}\n"})
    (finding,) = (f for f in diagnose(read_prefix(str(prefix)), load_matrix()).findings if f.code == "TFD602")
    assert finding.severity == severity
    assert finding.fix.commands[0][-2:] == ("tensorflow", "tensorflow-cpu")
