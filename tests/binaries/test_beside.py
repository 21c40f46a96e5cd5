"""What stands beside TensorFlow's binaries and is loaded with them: severity by what happens without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.prefixes import add_dist
from tools.tiny_pe import make_dll

from .conftest import SITE, write_conda, write_record
from .test_rules import found

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
