"""Files of the user's own that Python imports in the place of what TensorFlow asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from conda_tf_doctor.subdirs import this_platform
from tools.prefixes import add_dist, make_prefix


def test_files_named_like_what_tensorflow_imports_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, listed = tmp_path / "work", tmp_path / "on the path"
    for file in (work / "calendar.py", work / "secrets.py", work / "utils.py", work / "xml" / "__init__.py",
                 work / "google" / "me.txt", listed / "numpy.py", listed / "opt_einsum.pyc"):  # fmt: skip
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
        ("secrets.py", "secrets", "warning", "likely"),  # numpy.random asks for it
        ("xml/", "xml", "warning", "likely"),
        (str(listed / "numpy.py"), "numpy", "error", "certain"),
        (str(listed / "opt_einsum.pyc"), "opt_einsum", "error", "certain"),
    }


@pytest.mark.parametrize(("version", "severity"), [("2.0.2", "error"), ("1.23.5", "warning"), ("1.24.3", "warning")])
def test_a_package_on_pythonpath_is_judged_as_what_is_imported(
    version: str, severity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = make_prefix(tmp_path / "env", this_platform(), "3.10.13")
    add_dist(prefix, "tensorflow", "2.12.0")
    add_dist(prefix, "numpy", "1.23.5")
    listed = add_dist(make_prefix(tmp_path / "other", this_platform(), "3.10.13"), "numpy", version).parent
    (listed / "numpy").mkdir(exist_ok=True)
    (listed / "numpy" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(listed))
    env, matrix = read_prefix(str(prefix)), load_matrix()
    direct = diagnose(env, matrix).findings
    again = diagnose(environment_of(collect(env, matrix, findings=direct, masked=False), "r.json"), matrix).findings
    for findings in (direct, again):
        [finding] = [f for f in findings if f.code == "TFD704"]
        assert (finding.severity, finding.package) == (severity, "numpy")
        assert ("numpy 2.0.2" in finding.message) == (severity == "error")


HERE, EVER = "when it is started in this folder.", "wherever it is started: PYTHONPATH names"


@pytest.mark.parametrize(
    ("platform", "file", "path", "said", "other"),
    [
        ("linux-64", "json.py", "/srv/lib", HERE, "start Python in another folder"),
        ("linux-64", "/srv/lib/json.py", "/opt:/srv/lib/", f"{EVER} /srv/lib/.", "take /srv/lib/ off PYTHONPATH"),
        ("linux-64", "/srv/lib/xml/", "/srv/lib", f"{EVER} /srv/lib.", "take /srv/lib off PYTHONPATH"),
        ("linux-64", "/srv/lib/numpy.py", "/srv/lib", f"{EVER} /srv/lib.", "take /srv/lib off PYTHONPATH"),
        # Whoever wrote the report named the whole path of a file beside the script.
        ("linux-64", "/srv/lib/json.py", "/srv", HERE, "start Python in another folder"),
        ("win-64", r"C:\Lib\json.py", "D:\\x;c:\\lib\\", f"{EVER} c:\\lib\\.", r"take c:\lib\ off PYTHONPATH"),
    ],
)
def test_where_the_folder_comes_from_is_told(platform: str, file: str, path: str, said: str, other: str) -> None:
    packages = [{"name": "tensorflow", "version": "2.10.0", "manager": "pip"}]
    report = {"platform": platform, "packages": packages, "working_folder": [file], "env_vars": {"PYTHONPATH": path}}
    [found] = [f for f in diagnose(environment_of(report, "r.json"), load_matrix()).findings if f.code == "TFD704"]
    assert (found.message.endswith(said), found.fix.note.endswith(f", or {other}.")) == (True, True), found
    assert found.evidence == ((file, "env_vars.PYTHONPATH") if said != HERE else (file,))
    base = file.rstrip("/").replace("\\", "/").rpartition("/")[2]
    assert found.fix.note.startswith(f"Rename {base} (and remove its __pycache__)")
