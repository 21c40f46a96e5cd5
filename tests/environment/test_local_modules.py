"""Files of the user's own that Python imports in the place of what TensorFlow asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.subdirs import this_platform
from tools.prefixes import add_dist, make_prefix


def test_files_named_like_what_tensorflow_imports_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, listed = tmp_path / "work", tmp_path / "on the path"
    for file in (work / "calendar.py", work / "utils.py", work / "xml" / "__init__.py", work / "google" / "me.txt",
                 listed / "numpy.py", listed / "opt_einsum.pyc"):  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PYTHONPATH", str(listed))
    prefix = make_prefix(tmp_path / "env", this_platform())
    add_dist(prefix, "tensorflow", "2.10.0")
    found = diagnose(read_prefix(str(prefix)), load_matrix()).findings
    told = {(f.found, f.package, f.severity, f.confidence) for f in found if f.code == "TFD704"}
    assert told == {
        ("calendar.py", "calendar", "warning", "likely"),
        ("xml/", "xml", "warning", "likely"),
        (str(listed / "numpy.py"), "numpy", "error", "certain"),
        (str(listed / "opt_einsum.pyc"), "opt_einsum", "error", "certain"),
    }
