"""A report says what the environment says: the same findings, on another machine, with nobody's name in it."""

from __future__ import annotations

import getpass
import json
import os
import stat
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of, read_report
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.findings import ERROR, Finding, Fix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from conda_tf_doctor.subdirs import this_platform
from tools.prefixes import add_dist, add_record, make_prefix

SCHEMA = json.loads((resources.files("conda_tf_doctor") / "schemas" / "report.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)


def wrong_python(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0", requires=["numpy>=1.20", "protobuf<3.20,>=3.9.2"])
    return prefix


def numpy_two(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0", requires=["numpy<2.0.0,>=1.23.5"])
    add_record(prefix, platform, "numpy", "2.0.0", "py310_0", distribution="numpy")
    return prefix


def other_cuda(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.10.13")
    add_record(prefix, platform, "cudatoolkit", "10.1.243", "h0_0", constrains=["__cuda >=10.1"])
    add_record(prefix, platform, "cudnn", "7.6.5.32", "h0_0", depends=["cudatoolkit 10.1|10.1.*"])
    add_dist(prefix, "tensorflow-gpu", "2.10.0")
    return prefix


def promised(folder: Path, platform: str) -> Path:
    """conda-forge's own build for CUDA 11.8 beside CUDA 11.8: what its record promises is no finding."""
    prefix = make_prefix(folder, platform, "3.10.13")
    for name in ("tensorflow", "tensorflow-base"):
        add_record(
            prefix, platform, name, "2.13.1", "cuda118py310h0_0",
            depends=["cudatoolkit >=11.8,<12", "cudnn >=8.8.0.121,<9.0a0", "python >=3.10,<3.11.0a0"],
        )  # fmt: skip
    add_record(prefix, platform, "cudatoolkit", "11.8.0", "h0_0")
    add_record(prefix, platform, "cudnn", "8.8.0.121", "h0_0")
    return prefix


def mixed(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.10.13")
    add_record(prefix, platform, "tensorflow-base", "2.10.0", "mkl_py310h0_0", "defaults", depends=["h5py"])
    add_record(prefix, platform, "tensorflow", "2.10.0", "mkl_py310h0_0", "defaults", depends=["tensorflow-base"])
    add_record(prefix, platform, "h5py", "3.9.0", "py310h0_0", "conda-forge", distribution="h5py")
    add_dist(prefix, "tensorflow", "2.12.0")
    return prefix


def old_runtime(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.10.13")
    add_record(prefix, platform, "vc14_runtime", "14.16.27012", "h0_0")
    add_dist(prefix, "tensorflow", "2.10.0")
    return prefix


def doubled(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, platform, "3.10.13")
    add_dist(prefix, "tensorflow", "2.10.0")
    add_dist(prefix, "tensorflow-gpu", "2.9.1")
    return prefix


def thirty_two(folder: Path, platform: str) -> Path:
    prefix = make_prefix(folder, "win-32" if platform == "win-64" else platform, "3.7.9")
    add_dist(prefix, "tensorflow", "2.1.0")
    return prefix


def half_written(folder: Path, platform: str) -> Path:
    prefix = wrong_python(folder, platform)
    (prefix / "conda-meta" / "h5py-3.9.0-0.json").write_text("")
    return prefix


def zlib_by_hand(folder: Path, platform: str) -> Path:
    """cuDNN 8.8 with the zlibwapi.dll that a person has copied there."""
    prefix = other_cuda(folder, platform)
    for path in (prefix / "conda-meta").glob("cud*.json"):
        path.unlink()
    add_record(prefix, platform, "cudatoolkit", "11.2.2", "h0_0")
    add_record(prefix, platform, "cudnn", "8.8.0.121", "h0_0")
    if platform == "win-64":
        (prefix / "Library" / "bin" / "zlibwapi.dll").write_bytes((prefix / "python.exe").read_bytes())
    return prefix


def nothing(folder: Path, platform: str) -> Path:
    return make_prefix(folder, platform, "3.10.13")


MAKERS: list[Callable[[Path, str], Path]] = [
    wrong_python, numpy_two, other_cuda, promised, mixed, old_runtime, doubled, thirty_two, half_written, zlib_by_hand,
    nothing,
]  # fmt: skip


def findings(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Everything but the evidence, whose paths a report cannot follow, and what only a report leaves open."""
    names = ("code", "severity", "message", "found", "expected", "package", "confidence", "fix")
    return [tuple(repr(f[n]) for n in names) for f in document["findings"] if f["found"] != "unknown"]


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "as it is"])
@pytest.mark.parametrize("platform", ["win-64", "linux-64", "osx-arm64"])
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_report_has_the_findings_of_its_environment(
    tmp_path: Path, make: Callable[[Path, str], Path], platform: str, masked: bool
) -> None:
    prefix = make(tmp_path / "env", platform)
    matrix = load_matrix()
    env = read_prefix(str(prefix))
    judged = diagnose(env, matrix)
    direct = judged.to_json()
    report = json.loads(json.dumps(collect(env, matrix, masked=masked, findings=judged.findings)))
    VALID.validate(report)
    again = diagnose(environment_of(report, "report.json"), matrix).to_json()
    assert findings(again) == findings(direct)
    assert (again["ok"], again["tensorflow"]) == (direct["ok"], direct["tensorflow"])
    assert again["target"]["platform"] == direct["target"]["platform"]
    if make not in (promised, zlib_by_hand, nothing) and (platform == "win-64" or make is not old_runtime):
        assert findings(direct), "a case that finds nothing shows nothing"


def test_what_only_the_disk_tells_goes_along(tmp_path: Path) -> None:
    prefix = numpy_two(tmp_path / "env", "win-64")
    env, matrix = read_prefix(str(prefix)), load_matrix()
    lost = Finding(
        "TFD503", ERROR, "Lib/a.pyd is another file.", found="other", fix=Fix(commands=(("conda", "install", "a"),))
    )
    report = collect(env, matrix, findings=[*diagnose(env, matrix).findings, lost])
    VALID.validate(report)
    found = diagnose(environment_of(report, "r.json"), matrix).findings
    assert lost in found and {"TFD503", "TFD603"} <= {f.code for f in found}


def test_a_dll_that_was_copied_there_is_known_to_be_there(tmp_path: Path) -> None:
    prefix = zlib_by_hand(tmp_path / "env", "win-64")
    for present in (True, False):
        report = collect(read_prefix(str(prefix)), load_matrix())
        found = {f.code for f in diagnose(environment_of(report, "r.json"), load_matrix()).findings}
        assert ("TFD307" in found) == (not present)
        (prefix / "Library" / "bin" / "zlibwapi.dll").unlink(missing_ok=True)


def test_what_a_report_holds(tmp_path: Path) -> None:
    prefix = promised(tmp_path / "env", "linux-64")
    report = collect(read_prefix(str(prefix)), load_matrix(), "ImportError: libcudnn.so.8")
    mine = collect(read_prefix(str(promised(tmp_path / "mine", this_platform()))), load_matrix())
    assert report["schema_version"] == 1 and report["complete"] is True
    assert report["python"] == {"version": "3.10.13", "bits": 64, "machine": "x86_64"}
    by_name = {package["name"]: package for package in report["packages"]}
    assert by_name["tensorflow-base"] == {
        "name": "tensorflow-base", "version": "2.13.1", "build": "cuda118py310h0_0", "channel": "conda-forge",
        "manager": "conda", "asked_for": False,
        "depends": ["cudatoolkit >=11.8,<12", "cudnn >=8.8.0.121,<9.0a0", "python >=3.10,<3.11.0a0"],
    }  # fmt: skip
    assert report["error_text"] == "ImportError: libcudnn.so.8"
    assert mine["system"]["os"] and "PATH" in mine["env_vars"]
    # Whose variables these are: those of the process that collected it.
    assert mine["env_vars"]["CONDA_PREFIX"]


def test_the_binaries_of_the_stack_are_in_it(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.10.13")
    folder = add_dist(prefix, "tensorflow", "2.10.0").parent / "tensorflow" / "python"
    folder.mkdir(parents=True)
    main = folder / "_pywrap_tensorflow_internal.pyd"
    main.write_bytes((prefix / "python.exe").read_bytes())
    (folder / "cut.pyd").write_bytes((prefix / "python.exe").read_bytes()[:700])
    report = collect(read_prefix(str(prefix)), load_matrix())
    VALID.validate(report)
    by_path = {binary["path"]: binary for binary in report["binaries"]}
    whole = by_path["Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd"]
    assert (whole["machine"], whole["bits"], whole["problem"]) == ("x86_64", 64, None)
    assert "KERNEL32.dll" in whole["imports"] and whole["missing"] == []
    main.write_bytes(main.read_bytes()[:700])
    cut = {binary["path"]: binary for binary in collect(read_prefix(str(prefix)), load_matrix())["binaries"]}
    assert cut["Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd"]["problem"]


def test_the_verb_writes_a_file_that_check_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = wrong_python(tmp_path / "env", "win-64")
    error = tmp_path / "error.txt"
    error.write_text("Traceback\nImportError: DLL load failed\n", encoding="utf-16")
    output = tmp_path / "r.json"
    status = console(["report", "-p", str(prefix), "-o", str(output), "--error-text", str(error)])
    written = capsys.readouterr()
    assert status == 0 and written.out == "" and str(output) in written.err
    report = json.loads(output.read_text("ascii"))
    VALID.validate(report)
    assert report["error_text"] == "Traceback\nImportError: DLL load failed"
    assert stat.S_IMODE(output.stat().st_mode) & 0o400 and not list(tmp_path.glob("*.new")), "nothing half-written"
    assert console(["check", "--report", str(output), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["findings"][0]["code"] == "TFD201" and document["target"]["kind"] == "report"


def test_the_verb_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = wrong_python(tmp_path / "env", "win-64")
    assert console(["report", "-p", str(prefix)]) == 0
    out, err = capsys.readouterr()
    VALID.validate(json.loads(out))
    assert err == ""
    assert console(["report", "-p", str(prefix), "-o", str(tmp_path / "r.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out)


def test_names_and_folders_are_masked_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home" / "mallory"
    here = "win-64" if sys.platform == "win32" else "linux-64"
    prefix = wrong_python(home / "envs" / "tf", here)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("USER", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    monkeypatch.setenv("PATH", f"{prefix / 'bin'}{os.pathsep}{home / 'bin'}")
    monkeypatch.setenv("PYTHONPATH", str(home / "src"))
    add_record(prefix, here, "six", "1.16.0", "0", "https://mallory:s3cret@host.example/t/tk-000/acme/linux-64")
    assert console(["report", "-p", str(prefix)]) == 0
    masked = capsys.readouterr().out
    assert "mallory" not in masked and "s3cret" not in masked and "tk-000" not in masked
    report = json.loads(masked)
    assert report["env_vars"]["PATH"].startswith(report["prefix"] + os.sep + "bin"), (
        "PATH still leads to the environment"
    )
    assert {p["name"]: p.get("channel") for p in report["packages"]}["six"] == "acme"
    assert console(["report", "-p", str(prefix), "--no-mask"]) == 0
    assert json.loads(capsys.readouterr().out)["prefix"] == str(prefix)


def test_the_current_users_name_is_nowhere(tmp_path: Path) -> None:
    prefix = wrong_python(tmp_path / "env", "linux-64")
    document = collect(read_prefix(str(prefix)), load_matrix())
    name = getpass.getuser()
    folders = [part for text in (document["prefix"], *document["env_vars"].values()) for part in text.split("/")]
    assert name not in folders or name == "root"


@pytest.mark.parametrize("target", ["missing/r.json", "."], ids=["no such folder", "a folder"])
def test_a_report_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = wrong_python(tmp_path / "env", "win-64")
    assert console(["report", "-p", str(prefix), "-o", str(tmp_path / target)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "cannot be written" in err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_report_is_read_as_powershell_writes_it(tmp_path: Path, encoding: str) -> None:
    text = '{"platform": "win-64", "packages": [], "system": {"gpu": "GTX größer"}}\n'
    (tmp_path / "report.json").write_text(text, encoding=encoding)
    assert read_report(str(tmp_path / "report.json")).system.gpu == "GTX größer"
    (tmp_path / "report.json").write_bytes(b"\xff" + text.encode())
    with pytest.raises(UsageError, match="it is no text in UTF-8 or UTF-16"):
        read_report(str(tmp_path / "report.json"))
