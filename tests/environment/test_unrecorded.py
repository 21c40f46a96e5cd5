"""Packages whose files are there and whose metadata is not: what is imported counts, and what records it comes back."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.unrecorded import files_of, may_hold
from conda_tf_doctor.findings import ERROR, Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.names import MEMBERS
from conda_tf_doctor.subdirs import this_platform
from tools.images import pe
from tools.prefixes import add_dist, add_record, make_prefix, site_packages

HEADER = (
    "#define TF_MAJOR_VERSION 2\n#define TF_MINOR_VERSION 15\n#define TF_PATCH_VERSION 1\n"
    '#define TF_VERSION_SUFFIX ""\n'
)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A venv with pip's TensorFlow, whose folder is there, and a numpy that it works with."""
    made = make_prefix(tmp_path / "env", "linux-64")
    shutil.rmtree(made / "conda-meta")
    (made / "pyvenv.cfg").write_text("home = /nowhere\nversion = 3.10.13\n")
    put(made, "tensorflow/__init__.py", "")
    put(made, "tensorflow/include/tensorflow/core/public/version.h", HEADER)
    put(made, "tensorflow/python/platform/build_info.py", "build_info = {'is_cuda_build', False}\n")
    add_dist(made, "tensorflow-cpu", "2.15.1")
    add_dist(made, "numpy", "1.26.4")
    return made


def put(prefix: Path, file: str, text: str) -> Path:
    path = site_packages(prefix, "linux-64") / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def take(prefix: Path, pattern: str) -> None:
    for path in list(site_packages(prefix, "linux-64").glob(pattern)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def packages(prefix: Path) -> dict[str, tuple[str, str]]:
    return {p.name: (p.version, p.manager) for p in read_prefix(str(prefix)).packages}


def findings(prefix: Path, *codes: str) -> list[Finding]:
    return [f for f in diagnose(read_prefix(str(prefix)), load_matrix()).findings if f.code in codes]


@pytest.mark.parametrize(
    ("name", "file", "text", "version"),
    [
        ("numpy", "numpy/version.py", '\nversion = "2.2.6"\n__version__ = version\n', "2.2.6"),
        ("numpy", "numpy/_version.py", 'version_json = """\n {\n "date": "",\n "version": "1.23.5"\n}\n"""', "1.23.5"),
        ("h5py", "h5py/version.py", "version_tuple = _H5PY_VERSION_CLS(3, 16, 0, None, None, None)\n", "3.16.0"),
        ("wrapt", "wrapt/__init__.py", "__version_info__ = ('1', '14', '2')\n", "1.14.2"),
        ("keras", "keras/src/version.py", 'from keras import x\n__version__ = "3.5.0"\n', "3.5.0"),
        ("protobuf", "google/protobuf/__init__.py", "__version__ = '4.25.9'\n", "4.25.9"),
        ("opt-einsum", "opt_einsum/_version.py", "__version__ = version = '3.4.0'\n", "3.4.0"),
        ("grpcio", "grpc/_grpcio_metadata.py", '__version__ = """1.85.3"""', "1.85.3"),
        ("tensorboard", "tensorboard/version.py", 'VERSION = "2.15.2"\n', "2.15.2"),
        ("absl-py", "absl/__init__.py", "# tells none\n", ""),
        ("six", "six.py", '__version__ = "1.17.0"\n', "1.17.0"),
    ],
)  # fmt: skip
def test_its_own_modules_tell_the_version(prefix: Path, name: str, file: str, text: str, version: str) -> None:
    assert packages(prefix).get(name, ("1.26.4", "pip")) == ("1.26.4", "pip")
    take(prefix, "numpy-*.dist-info")
    module = "google/protobuf" if name == "protobuf" else file.partition("/")[0]
    if "/" in file:
        put(prefix, f"{module}/__init__.py", "")
    put(prefix, file, text)
    assert packages(prefix)[name] == (version, "pip")


def test_every_imported_member_of_the_stack_is_looked_for() -> None:
    """Of those that are a conda package or another name of one, the other one is."""
    from conda_tf_doctor.environment.unrecorded import MODULES

    others = {"numpy-base", "python-flatbuffers", "keras-applications", "tensorflow-io-gcs-filesystem"}
    assert {name for name, member in MEMBERS.items() if member.imported} - set(MODULES) == others


def test_tensorflow_without_metadata_is_no_absent_one(prefix: Path) -> None:
    take(prefix, "tensorflow_cpu-*.dist-info")
    assert packages(prefix)["tensorflow-cpu"] == ("2.15.1", "pip")
    (found,) = [f for f in findings(prefix, "TFD501") if f.package == "tensorflow-cpu"]
    assert found.is_broken and found.fix.reinstall == (("pip", "tensorflow-cpu"),)
    command = ("python", "-m", "pip", "install", "--ignore-installed", "--no-deps", "--no-cache-dir")
    assert found.fix.commands == ((*command, "tensorflow-cpu==2.15.1"),)
    # One for a GPU has the name without a suffix.
    put(prefix, "tensorflow/python/platform/build_info.py", "build_info = {'is_cuda_build', True}\n")
    assert packages(prefix)["tensorflow"] == ("2.15.1", "pip")
    # A folder that was left without its own module is none.
    take(prefix, "tensorflow/__init__.py")
    assert "tensorflow" not in packages(prefix)


def test_what_is_imported_without_metadata_is_judged_by_its_version(prefix: Path) -> None:
    take(prefix, "numpy-*.dist-info")
    put(prefix, "numpy/__init__.py", "")
    put(prefix, "numpy/version.py", 'version = "1.26.4"\n')
    assert findings(prefix, "TFD603") == []
    (found,) = [f for f in findings(prefix, "TFD501") if f.package == "numpy"]
    assert found.severity != ERROR and "without any metadata" in found.message
    put(prefix, "numpy/version.py", 'version = "2.2.6"\n')
    assert [(f.code, f.severity) for f in findings(prefix, "TFD603")] == [("TFD603", ERROR)]
    take(prefix, "numpy")
    (missing,) = findings(prefix, "TFD603")
    assert missing.severity == ERROR and missing.absent


def test_of_an_unknown_version_what_tensorflow_takes_is_put_in(prefix: Path) -> None:
    put(prefix, "absl/__init__.py", "")
    (found,) = [f for f in findings(prefix, "TFD501") if f.package == "absl-py"]
    assert found.fix.pip == ("absl-py>=1.0.0",) and found.fix.reinstall == ()


@pytest.mark.parametrize(("file", "words"), [("METADATA", "not installed"), ("RECORD", "neither update nor remove")])
def test_a_part_of_the_metadata_is_gone(prefix: Path, file: str, words: str) -> None:
    assert findings(prefix, "TFD501") == []
    take(prefix, f"numpy-*.dist-info/{file}")
    (found,) = findings(prefix, "TFD501")
    assert (found.package, found.fix.reinstall) == ("numpy", (("pip", "numpy"),)) and found.is_broken
    assert found.message.startswith(f"{file} of numpy 1.26.4 is not there") and words in found.message


def test_who_writes_no_record_lost_none(prefix: Path) -> None:
    """Debian's packages have none on purpose."""
    take(prefix, "numpy-*.dist-info/RECORD")
    put(prefix, "numpy-1.26.4.dist-info/INSTALLER", "debian\n")
    assert findings(prefix, "TFD501") == []


def test_what_pip_was_taking_away_is_not_there(prefix: Path) -> None:
    site = site_packages(prefix, "linux-64")
    put(prefix, "numpy/__init__.py", "")
    (site / "numpy-1.26.4.dist-info").rename(site / "~umpy-1.26.4.dist-info")
    assert "numpy" not in packages(prefix)


def test_what_conda_recorded_under_another_name_is_condas(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    folder = "lib/python3.10/site-packages"
    paths = {
        "paths": [{"_path": f"{folder}/{name}/__init__.py", "path_type": "hardlink"} for name in ("keras", "h5py")]
    }
    add_record(prefix, "linux-64", "our-stack", "1.0", "0", paths_data=paths)
    put(prefix, "keras/__init__.py", "")
    put(prefix, "wrapt/__init__.py", "")
    found = packages(prefix)
    assert "keras" not in found and found["wrapt"] == ("", "pip")


def test_which_files_are_a_packages_own(prefix: Path) -> None:
    site = site_packages(prefix, "linux-64")
    for file in ("h5py/__init__.py", "h5py/_hl/files.py", "h5py.libs/libhdf5.so", "h5pyd/__init__.py"):
        put(prefix, file, "")
    (prefix / "bin" / "h5tool").write_text("#!/bin/sh\n'''exec' python\nfrom h5py.tool import main\n")
    (prefix / "bin" / "other").write_text("from h5pyd.tool import main\n")
    expected = ["../../../bin/h5tool", "h5py.libs/libhdf5.so", "h5py/__init__.py", "h5py/_hl/files.py"]
    assert sorted(files_of(str(site), "h5py")) == expected
    for script, module in (
        ("saved_model_cli", "tensorflow.python"),
        ("estimator_ckpt_converter", "tensorflow_estimator"),
    ):
        (prefix / "bin" / script).write_text(f"from {module}.tools import main\n")
        assert f"../../../bin/{script}" in files_of(str(site), "tensorflow-cpu")
    assert "../../../bin/saved_model_cli" not in files_of(str(site), "protobuf")


def test_on_windows_scripts_are_programs(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "envs" / "env", "win-64")
    site = site_packages(prefix, "win-64")
    (site / "h5py").mkdir()
    (site / "h5py" / "__init__.py").write_text("")
    (prefix / "Scripts").mkdir()
    for name, module in (("h5tool.exe", "h5py.tool"), ("other.exe", "h5pyd.tool")):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as script:
            script.writestr("__main__.py", f"# -*- coding: utf-8 -*-\r\nimport sys\r\nfrom {module} import main\r\n")
        (prefix / "Scripts" / name).write_bytes(pe("win-64") + b"#!python.exe\r\n" + archive.getvalue())
    (prefix / "Scripts" / "large.exe").write_bytes(pe("win-64") + bytes(1 << 20) + b"\nfrom h5py.tool import main\n")
    # What lies beside the environments is another's.
    (tmp_path / "envs" / "bin").mkdir()
    (tmp_path / "envs" / "bin" / "h5tool").write_text("from h5py.tool import main\n")
    assert sorted(files_of(str(site), "h5py")) == ["../../Scripts/h5tool.exe", "h5py/__init__.py"]


def test_a_folder_of_python_path_hides_only_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = make_prefix(tmp_path / "env", this_platform())
    site = site_packages(prefix, this_platform())
    (site / "tensorflow").mkdir()
    for name, version in (("tensorflow-cpu", "2.15.1"), ("wrapt", "1.14.1")):
        add_dist(prefix, name, version)
    mine = tmp_path / "mine"
    (mine / "project").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(mine))
    assert [f.absent for f in findings(prefix, "TFD603") if f.package == "numpy"] == [True]
    assert not may_hold(os.pathsep.join((str(mine), str(tmp_path / "nowhere"))), ["numpy"])
    (mine / "numpy").mkdir()
    assert may_hold(str(mine), ["numpy"]) and not may_hold(str(mine), ["wrapt"])
    assert not any(f.severity == ERROR for f in findings(prefix, "TFD603"))
    archive = tmp_path / "modules.zip"
    archive.write_bytes(b"")
    assert may_hold(str(archive), ["wrapt"]), "what an archive holds is not known"
    (mine / "absl_py-2.1.0.dist-info").mkdir()
    assert may_hold(str(mine), ["absl-py"])
