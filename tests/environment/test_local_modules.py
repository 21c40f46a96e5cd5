"""Files of the user's own that Python imports in the place of what TensorFlow asks for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from conda_tf_doctor.subdirs import this_platform
from tests.repair.test_venv import call
from tools.prefixes import add_dist, make_prefix


def test_files_named_like_what_tensorflow_imports_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, listed = tmp_path / "work", tmp_path / "on the path"
    for file in (work / "calendar.py", work / "secrets.py", work / "utils.py", work / "xml" / "__init__.py",
                 work / "google" / "me.txt", work / "gast.py", listed / "numpy.py", listed / "h5py.py",
                 listed / "six.py", listed / "wrapt.pyc"):  # fmt: skip
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
        # Whoever asks for the state of an environment may be in any folder.
        ("gast.py", "gast", "warning", "likely"),
        (str(listed / "numpy.py"), "numpy", "error", "certain"),
        (str(listed / "wrapt.pyc"), "wrapt", "error", "certain"),
        (str(listed / "h5py.py"), "h5py", "warning", "likely"),  # Keras lives without it
        (str(listed / "six.py"), "six", "warning", "likely"),  # it may be six itself
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


def told_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(f["found"], f["severity"]) for f in document["findings"] if f["code"] == "TFD704"}


@pytest.mark.parametrize("platform", [this_platform(), "win-64" if os.name != "nt" else "linux-64"])
def test_check_takes_the_working_folder_for_the_one_that_python_is_started_in(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    prefix = make_prefix(tmp_path / "env", platform, "3.11.7")
    add_dist(prefix, "tensorflow", "2.15.0")
    work = tmp_path / "work"
    work.mkdir()
    for name in ("numpy.py", "requests.py", "random.py", "rich.py"):
        (work / name).touch()
    monkeypatch.chdir(work)
    status, document = call(capsys, "check", "-p", prefix)
    assert status == 1
    # Those that its import asks for in vain, and those that it lives without or that Keras 3 alone asks for.
    expected = {("numpy.py", "error"), ("requests.py", "warning"), ("random.py", "warning"), ("rich.py", "warning")}
    assert told_of(document) == expected
    report = tmp_path / "report.json"
    assert console(["report", "-p", str(prefix), "-o", str(report), "--quiet"]) == 0
    assert told_of(call(capsys, "check", "--report", report)[1]) == expected
    monkeypatch.chdir(tmp_path)
    assert told_of(call(capsys, "check", "-p", prefix)[1]) == set()


@pytest.mark.parametrize(("python", "seen"), [("3.11.7", False), ("3.10.13", True)])
def test_python_may_be_told_to_leave_the_working_folder_aside(
    python: str, seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PYTHONSAFEPATH is new in Python 3.11."""
    prefix = make_prefix(tmp_path / "env", this_platform(), python)
    add_dist(prefix, "tensorflow", "2.15.0")
    (tmp_path / "numpy.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert told_of(call(capsys, "check", "-p", prefix)[1]) == ({("numpy.py", "error")} if seen else set())


def test_of_all_environments_none_is_started_where_they_are_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = make_prefix(tmp_path / "envs" / "env", this_platform(), "3.11.7")
    add_dist(prefix, "tensorflow", "2.15.0")
    (tmp_path / "numpy.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("CONDA_ENVS_PATH", str(tmp_path / "envs"))
    monkeypatch.setenv("CONDA_ROOT", str(tmp_path / "root"))
    assert console(["report", "--all-envs", "--jsonl"]) == 0
    collected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert collected and all(each["working_folder"] == [] for each in collected)
    assert console(["report", "--jsonl", "-p", str(prefix)]) == 0
    assert json.loads(capsys.readouterr().out)["working_folder"] == ["numpy.py"]


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


def test_what_is_the_environments_own_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PYTHONPATH names the environment's own folders where a cluster's modules set it up."""
    prefix = make_prefix(tmp_path / "env", this_platform(), "3.11.7")
    site = add_dist(prefix, "tensorflow", "2.15.0").parent
    for file in (site / "numpy" / "__init__.py", site / "wrapt.py", site.parent / "random.py"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    another = tmp_path / "another"
    another.mkdir()
    (another / "calendar.py").touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, another, site.parent))))
    for folder in (site, site.parent, tmp_path):
        monkeypatch.chdir(folder)
        told = told_of(call(capsys, "check", "-p", prefix)[1])
        assert told == {(str(another / "calendar.py"), "warning")}, folder
