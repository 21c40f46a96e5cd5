"""What stands beside TensorFlow's binaries and is loaded with them: severity by what happens without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.context.binaries import BinaryFacts
from conda_tf_doctor.rules.binaries.closure import judge
from tests.wholes import said
from tools.prefixes import add_dist
from tools.tiny_pe import make_dll

from .conftest import MAIN, SITE, write_conda, write_record
from .test_rules import context, found

UMATH = f"{SITE}/numpy/core/_multiarray_umath.cp310-win_amd64.pyd"
BLAS = "libopenblas64_-1.dll"
OF_PYTHON = ("_ctypes", "_socket", "select", "unicodedata", "_multiprocessing", "_overlapped", "_ssl")
REST = f"{SITE}/tensorflow/python/_pywrap_tfcompile.pyd"


@pytest.fixture
def whole(env: Path) -> Path:
    """An environment in which all of it is there."""
    for name in OF_PYTHON:
        make_dll(env / "DLLs" / f"{name}.pyd", imports={"libffi-8.dll": ["call"]} if name == "_ctypes" else {})
    make_dll(env / "DLLs/libffi-8.dll", ["call"])
    make_dll(env / UMATH, imports={BLAS: ["dgemm"]})
    make_dll(env / SITE / "numpy.libs" / BLAS, ["dgemm"])
    make_dll(env / SITE / "h5py/_errors.cp310-win_amd64.pyd", imports={"hdf5.dll": ["open"]})
    make_dll(env / SITE / "h5py/hdf5.dll", ["open"])
    make_dll(env / SITE / "tensorflow-plugins/some_plugin.dll", imports={"_pywrap_tensorflow_internal.pyd": ["x"]})
    make_dll(env / REST)
    for name, files in (("numpy", [UMATH.removeprefix(f"{SITE}/"), f"numpy.libs/{BLAS}"]), ("h5py", ["h5py/hdf5.dll"])):
        info = env / SITE / f"{name}-1.23.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.23.5\n")
        (info / "RECORD").write_text("".join(f"{f},,{(env / SITE / f).stat().st_size}\n" for f in files))
    write_record(env)
    return env


def test_a_whole_one_gets_nothing(whole: Path) -> None:
    assert found(whole) == []


@pytest.mark.parametrize(
    ("file", "told", "words", "command"),
    [
        ("DLLs/libffi-8.dll", ("TFD501", "error", "python"), "_ctypes.pyd of python imports", "python"),
        ("DLLs/_ctypes.pyd", ("TFD501", "error", "python"), "_ctypes.pyd of python is not there", "python"),
        ("DLLs/_ssl.pyd", ("TFD501", "warning", "python"), "nothing can be downloaded", "python"),
        ("DLLs/_overlapped.pyd", ("TFD501", "error", "python"), "`import tensorflow` fails with it", "python"),
        (
            f"{SITE}/numpy.libs/{BLAS}",
            ("TFD501", "error", "numpy"),
            "`import tensorflow` fails with it",
            "numpy==1.23.5",
        ),
        (f"{SITE}/h5py/hdf5.dll", ("TFD501", "warning", "h5py"), "HDF5 files fails", "h5py==1.23.5"),
        (REST, ("TFD501", "warning", "tensorflow"), "recorded as installed", "tensorflow==2.10.0"),
    ],
)
def test_a_file_is_gone(whole: Path, file: str, told: tuple[str, str, str], words: str, command: str) -> None:
    write_conda(whole, "python", "3.10.4", files=[f"DLLs/{name}.pyd" for name in OF_PYTHON] + ["DLLs/libffi-8.dll"])
    (whole / file).unlink()
    [finding] = found(whole)
    assert (finding.code, finding.severity, finding.package) == told
    assert words in finding.message and finding.fix.commands[0][-1] == command


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("DLLs/_socket.pyd", ("TFD502", "error")),
        (UMATH, ("TFD502", "error")),
        (f"{SITE}/h5py/_errors.cp310-win_amd64.pyd", ("TFD502", "warning")),
        (f"{SITE}/tensorflow-plugins/some_plugin.dll", ("TFD502", "error")),
        (REST, ("TFD502", "warning")),
    ],
)
@pytest.mark.parametrize("size", [0, 300])
def test_a_file_is_cut_off(whole: Path, file: str, told: tuple[str, str], size: int) -> None:
    (whole / file).write_bytes((whole / file).read_bytes()[:size])
    assert [(finding.code, finding.severity) for finding in found(whole)] == [told]


def test_a_file_is_for_another_machine(whole: Path) -> None:
    make_dll(whole / UMATH, imports={BLAS: ["dgemm"]}, machine="x86")
    finding = next(finding for finding in found(whole) if finding.code == "TFD102")
    assert (finding.severity, finding.found, finding.expected) == ("error", "x86", "x86_64")
    assert "`import tensorflow` fails with it" in finding.message


def test_a_library_of_another_release_lacks_what_is_asked_for(whole: Path) -> None:
    make_dll(whole / SITE / "numpy.libs" / BLAS, ["sgemm"])
    finding = next(finding for finding in found(whole) if finding.code == "TFD505")
    assert finding.severity == "error" and "lacks what _multiarray_umath" in finding.message
    assert finding.expected == "dgemm"


def test_numpy_opens_what_its_older_wheels_brought(whole: Path) -> None:
    (whole / SITE / "numpy" / ".libs").mkdir()
    (whole / SITE / "numpy.libs" / BLAS).rename(whole / SITE / "numpy" / ".libs" / BLAS)
    assert [finding for finding in found(whole) if "multiarray" in finding.message] == []


@pytest.mark.parametrize(("keras", "severity"), [("3.5.0", "warning"), ("3.9.1", "error"), ("3.15.1", "warning")])
def test_some_keras_3_do_not_load_without_h5py(whole: Path, keras: str, severity: str) -> None:
    add_dist(whole, "keras", keras)
    (whole / SITE / "h5py/hdf5.dll").unlink()
    [finding] = [finding for finding in found(whole) if finding.package == "h5py"]
    assert (finding.code, finding.severity) == ("TFD501", severity)


@pytest.mark.parametrize("aside", [False, True], ids=["RECORD is gone", "pip was taking it away"])
def test_a_library_that_a_wheel_brought_comes_with_the_wheel(whole: Path, aside: bool) -> None:
    """By its name no other package has it, whatever is left of what recorded it."""
    library = "libopenblas64__v0.3.21-gcc_10_3_0-0cf96a72.dll"
    make_dll(whole / UMATH, imports={library: ["dgemm"]})
    info = whole / SITE / "numpy-1.23.5.dist-info"
    if aside:
        (info / "RECORD").write_text(f"numpy.libs/{library},,1\n")
        info.rename(whole / SITE / "~umpy-1.23.5.dist-info")
    else:
        (info / "RECORD").unlink()
    [finding] = [finding for finding in found(whole) if library in finding.message]
    assert (finding.code, finding.severity, finding.package) == ("TFD501", "error", "numpy")
    # pip cannot uninstall what nothing records.
    assert finding.fix.commands[0][:6] == ("python", "-m", "pip", "install", "--ignore-installed", "--no-deps")
    if aside:
        assert finding.fix.pip == ("numpy>=1.20,<2",) and finding.fix.reinstall == ()
    else:
        assert finding.fix.commands[0][-1] == "numpy==1.23.5" and finding.fix.reinstall == (("pip", "numpy"),)


def test_a_library_that_tensorflow_lacks_too_is_told_once(whole: Path) -> None:
    """TensorFlow's own rule speaks of it, and names who imports it there."""
    for file, exports in ((MAIN, ["TF_Version"]), (UMATH, [])):
        make_dll(whole / file, exports, {"mklml.dll": ["dgemm"]})
    write_record(whole)
    [finding] = [finding for finding in found(whole) if "mklml.dll" in finding.message]
    assert (finding.code, finding.severity, finding.evidence) == ("TFD501", "error", (MAIN,))


def test_a_library_that_tensorflow_can_do_without_is_told_where_another_cannot(whole: Path) -> None:
    """TensorFlow loads it at the first call only; Python's module is not imported without it."""
    make_dll(whole / MAIN, ["TF_Version"], delayed={"libssl-1_1-x64.dll": ["SSL_new"]})
    write_record(whole)
    make_dll(whole / "DLLs/_ssl.pyd", imports={"libssl-1_1-x64.dll": ["SSL_new"]})
    [finding] = found(whole)
    assert (finding.code, finding.severity, finding.package) == ("TFD501", "warning", "python")
    assert finding.expected == "libssl-1_1-x64.dll" and "nothing can be downloaded" in finding.message


def test_what_fails_first_of_a_library_of_several_is_the_import(whole: Path) -> None:
    """Of h5py and Python, which both load it, h5py alone would be no error."""
    imports = {"libffi-8.dll": ["call"]}
    make_dll(whole / SITE / "h5py/_errors.cp310-win_amd64.pyd", imports=imports)
    make_dll(whole / SITE / "h5py/h5.cp310-win_amd64.pyd", imports=imports)
    (whole / "DLLs/libffi-8.dll").rename(whole / "DLLs/libffi-7.dll")
    [finding] = found(whole)
    assert (finding.severity, finding.evidence[0]) == ("error", "DLLs/_ctypes.pyd")
    assert finding.message.endswith("; `import tensorflow` fails with it.")


@pytest.mark.parametrize("recorded", ["python", "libffi", "lib_ffi"])
def test_a_library_is_installed_again_by_the_package_that_recorded_it(whole: Path, recorded: str) -> None:
    """By its name as conda writes it: it has no package `lib-ffi`."""
    (whole / "DLLs/libffi-8.dll").unlink()
    make_dll(whole / "DLLs/_ctypes.pyd", imports={"ffi-8.dll": ["call"]})
    write_conda(whole, "python", "3.10.4")
    source = write_conda(whole, recorded, "3.10.4", files=["Library/bin/ffi-8.dll"])
    [finding] = found(whole)
    assert (finding.severity, finding.package) == ("error", recorded.replace("_", "-"))
    assert finding.source == f"conda-meta/{source.name}"
    assert finding.fix.commands == (("conda", "install", "-p", str(whole), "--force-reinstall", recorded),)


def test_what_numpy_opens_itself_is_damaged(whole: Path) -> None:
    """It is asked for by its own path, whoever imports it besides."""
    file = whole / SITE / "numpy" / ".libs" / BLAS
    make_dll(file, ["dgemm"])
    (whole / SITE / "numpy.libs" / BLAS).unlink()
    make_dll(whole / SITE / "numpy/linalg/_umath_linalg.cp310-win_amd64.pyd", imports={BLAS: ["dgemm"]})
    record = whole / SITE / "numpy-1.23.5.dist-info" / "RECORD"
    record.write_text(f"numpy/.libs/{BLAS},,{file.stat().st_size}\n")
    assert found(whole) == []
    file.write_bytes(file.read_bytes()[:100])
    [finding] = found(whole)
    assert (finding.code, finding.severity, finding.package) == ("TFD502", "error", "numpy")
    assert finding.evidence == (f"{SITE}/numpy/.libs/{BLAS}",)


def test_a_python_that_no_manager_installed(whole: Path) -> None:
    for record in (whole / "conda-meta").glob("python-*.json"):
        record.unlink()
    (whole / "DLLs/_ctypes.pyd").unlink()
    [finding] = found(whole)
    assert (finding.code, finding.severity, finding.package) == ("TFD501", "error", "python")
    assert finding.fix.note.startswith("Install Python") and finding.fix.note.endswith("to which _ctypes.pyd belongs.")


@pytest.mark.parametrize("package", ["python", "numpy"])
def test_a_file_that_no_record_has(whole: Path, package: str) -> None:
    file = {"python": "DLLs/_ctypes.pyd", "numpy": UMATH}[package]
    (whole / SITE / "numpy-1.23.5.dist-info" / "RECORD").unlink()
    (whole / file).write_bytes(b"MZ")
    [finding] = [finding for finding in found(whole) if finding.code == "TFD502"]
    assert (finding.severity, finding.package, finding.evidence) == ("error", package, (file,))
    assert finding.fix.note == f"Install the package that {Path(file).name} belongs to again."


def test_another_module_that_dlls_is_asked_for_has_nothing_beside_it(whole: Path) -> None:
    module = str(whole / SITE / "h5py/_errors.cp310-win_amd64.pyd")
    (whole / SITE / "h5py/hdf5.dll").unlink()
    closure = resolve(str(whole), "win-64", [module], "3.10.4")
    [finding] = said(judge(context(whole), BinaryFacts(closure, (module,), machine="x86_64"), closure))
    assert (finding.code, finding.severity, finding.expected) == ("TFD501", "error", "hdf5.dll")
