"""TFD501 for the packages that TensorFlow imports: a compiled part was taken away, or a record means nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.demands import Demands
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.verify import conda_removes
from tests.wholes import said
from tools.prefixes import add_dist
from tools.tiny_pe import make_dll

from .conftest import SITE, write_conda, write_record

NUMPY = "numpy/core/_multiarray_umath.cp310-win_amd64.pyd"


def install(env: Path, name: str, version: str, *files: str) -> Path:
    """Add a package by pip with its files and a RECORD of them."""
    info = add_dist(env, name, version)
    for file in files:
        (env / SITE / file).parent.mkdir(parents=True, exist_ok=True)
        make_dll(env / SITE / file)
    lines = (f"{file},,{(env / SITE / file).stat().st_size}\n" for file in files)
    (info / "RECORD").write_text("".join(lines))
    return info


def told(env: Path) -> list[tuple[str, str, str]]:
    findings = diagnose(read_prefix(str(env)), load_matrix()).findings
    told = said(f for f in findings if f.code.startswith("TFD5") and f.severity != "info")
    return [(f.code, f.severity, f.package) for f in told]


@pytest.mark.parametrize(
    ("name", "version", "file", "severity"),
    [
        ("numpy", "1.23.5", NUMPY, "error"),
        ("h5py", "3.7.0", "h5py/_errors.cp310-win_amd64.pyd", "warning"),
    ],
)
def test_what_does_not_import_without_it(env: Path, name: str, version: str, file: str, severity: str) -> None:
    install(env, name, version, file, f"{name}/_tests.cp310-win_amd64.pyd")
    assert told(env) == []
    (env / SITE / file).unlink()
    assert told(env) == [("TFD501", severity, name)]
    shutil.rmtree(env / SITE / name)
    assert told(env) == [("TFD501", severity, name)], "a whole folder is no other case"


def test_what_only_tests_need_may_be_deleted(env: Path) -> None:
    install(env, "numpy", "1.23.5", NUMPY, "numpy/core/_multiarray_tests.cp310-win_amd64.pyd")
    (env / SITE / "numpy" / "core" / "_multiarray_tests.cp310-win_amd64.pyd").unlink()
    assert told(env) == []


def test_a_package_that_tensorflow_does_not_import(env: Path) -> None:
    install(env, "ml-dtypes", "0.3.2", "ml_dtypes/_ml_dtypes_ext.cp310-win_amd64.pyd")
    shutil.rmtree(env / SITE / "ml_dtypes")
    assert told(env) == [], "2.10 has none; something else brought it"


def test_what_pip_replaced_is_still_in_condas_record(env: Path) -> None:
    file = {"_path": f"{SITE}/{NUMPY}", "path_type": "hardlink", "sha256": "0" * 64, "size_in_bytes": 12}
    write_conda(env, "numpy", "1.22.0", paths_data={"paths": [file], "paths_version": 1}, files=[file["_path"]])
    assert told(env) == [("TFD501", "error", "numpy")], "conda's own"
    install(env, "numpy", "1.23.5", "numpy/core/_multiarray_umath.cp310.pyd")
    assert told(env) == []


def test_a_record_that_pip_left_behind(env: Path) -> None:
    install(env, "numpy", "1.23.5", NUMPY)
    left = env / SITE / "~umpy-1.22.0.dist-info"
    left.mkdir()
    (left / "RECORD").write_text("numpy/core/_multiarray_umath.gone.pyd,,12\n")
    assert told(env) == []


def test_what_pip_replaced_is_told_by_pip_s_record_alone(env: Path) -> None:
    """Conda's record still lists what its own build had, and a part of it is there."""
    kept, gone = (f"{SITE}/numpy/core/{name}.cp310-win_amd64.pyd" for name in ("_simd", "_multiarray_umath"))
    install(env, "numpy", "1.23.5", kept.removeprefix(f"{SITE}/"), "numpy/core/_multiarray_umath.cp310.pyd")
    paths = [{"_path": file, "path_type": "hardlink"} for file in (kept, gone)]
    fields = {"paths_data": {"paths": paths, "paths_version": 1}, "files": [kept, gone]}
    write_conda(env, "numpy", "1.22.0", **fields)
    assert told(env) == []


def test_an_older_record_that_pip_left_beside_the_new_one(env: Path) -> None:
    kept = "numpy/core/_simd.cp310-win_amd64.pyd"
    install(env, "numpy", "1.22.0", kept, NUMPY)
    (env / SITE / NUMPY).unlink()
    install(env, "numpy", "1.23.5", kept, "numpy/core/_multiarray_umath.cp310.pyd")
    assert told(env) == []


def test_several_modules_of_a_package_are_told_once(env: Path) -> None:
    install(env, "numpy", "1.23.5", NUMPY, "numpy/linalg/_umath_linalg.cp310-win_amd64.pyd")
    shutil.rmtree(env / SITE / "numpy")
    assert told(env) == [("TFD501", "error", "numpy")]


def test_a_package_of_conda_s_is_installed_again_by_conda_s_name(env: Path) -> None:
    """Conda has no `ml-dtypes`."""
    shutil.rmtree(env / SITE / "tensorflow-2.10.0.dist-info")
    write_record(env, "tensorflow-2.15.0.dist-info")
    (env / SITE / "tensorflow-2.15.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.15.0\n"
    )
    file = f"{SITE}/ml_dtypes/_ml_dtypes_ext.cp310-win_amd64.pyd"
    paths_data = {"paths": [{"_path": file, "path_type": "hardlink"}], "paths_version": 1}
    write_conda(env, "ml_dtypes", "0.2.0", paths_data=paths_data, files=[file])
    [finding] = [f for f in diagnose(read_prefix(str(env)), load_matrix()).findings if f.package == "ml-dtypes"]
    assert (finding.code, finding.severity) == ("TFD501", "error")
    assert finding.fix.commands == (("conda", "install", "-p", str(env), "--force-reinstall", "ml_dtypes"),)
    planner = Planner(read_prefix(str(env)), load_matrix())
    changes = [change for change in planner.plan().changes if change.reinstall]
    assert [(change.package, change.where) for change in changes] == [("ml_dtypes", "conda")]
    write_conda(env, "mkl_fft", "1.3.6")
    demands = Demands(without=frozenset({"mkl-fft"}))
    plan = Planner(read_prefix(str(env)), load_matrix(), demands=demands).plan()
    assert conda_removes(plan.edits) == ["mkl_fft"]
