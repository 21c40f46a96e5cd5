"""Several copies of one DLL: which of them is loaded, and whether one that serves lies behind one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.images import executable
from tools.prefixes import add_record, make_prefix, site_packages
from tools.tiny_macho import make_dylib
from tools.tiny_pe import make_dll

from .conftest import MAIN, SITE, write_conda, write_record
from .test_rules import codes, found

# Windows looks there in this order, the environment's own folder first.
FIRST, SECOND, LAST = "Library/mingw-w64/bin", "Library/bin", "bin"
CORE = "msvcp140.dll"
Written = Callable[[Path], None]


def damaged(path: Path) -> None:
    make_dll(path, ["common"], version="14.44.35211.0")
    path.write_bytes(path.read_bytes()[:-100])


def foreign(path: Path) -> None:
    make_dll(path, ["common"], machine="x86", version="14.44.35211.0")


def another_release(path: Path) -> None:
    make_dll(path, ["other"], version="14.44.35211.0")


def right(path: Path) -> None:
    make_dll(path, ["common"], version="14.44.35211.0")


BAD = [damaged, foreign, another_release]


@pytest.mark.parametrize("behind", BAD)
@pytest.mark.parametrize("loaded", [damaged, another_release])
def test_what_serves_no_better_hides_nothing(loaded: Written, behind: Written, env: Path) -> None:
    loaded(env / CORE)
    behind(env / FIRST / CORE)
    assert codes(env) == {{damaged: "TFD502", another_release: "TFD505"}[loaded]: "error"}


@pytest.mark.parametrize("loaded", [damaged, another_release])
def test_the_first_copy_that_serves_is_the_hidden_one(loaded: Written, env: Path) -> None:
    loaded(env / CORE)
    foreign(env / FIRST / CORE)
    right(env / SECOND / CORE)
    right(env / LAST / CORE)
    [finding] = [finding for finding in found(env) if finding.code == "TFD504"]
    assert (finding.severity, finding.found, finding.expected) == ("error", CORE, f"{SECOND}/{CORE}")


def test_what_is_met_before_the_copy_that_is_loaded_is_not_behind_it(env: Path) -> None:
    foreign(env / CORE)
    another_release(env / FIRST / CORE)
    assert codes(env) == {"TFD505": "error"}


def test_a_copy_for_another_machine_behind_the_right_one_is_in_nobodys_way(env: Path) -> None:
    foreign(env / SECOND / CORE)
    assert found(env) == []


def test_several_in_the_way_are_said_once(env: Path) -> None:
    right(env / SECOND / CORE)
    for folder in (".", FIRST):
        foreign(env / folder / CORE)
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD102", "warning", "likely")
    assert (finding.found, finding.expected) == (CORE, f"{SECOND}/{CORE}")


def test_no_other_copy_is_known_where_a_record_stands_for_the_right_one(env: Path) -> None:
    """A record without a list of files says that it is installed, and not where."""
    write_conda(env, "vc14_runtime", "14.29.30139")
    foreign(env / "vcruntime140_1.dll")
    assert found(env) == []


def test_what_is_preloaded_is_hidden_too(env: Path) -> None:
    """No module imports it."""
    (env / "msvcp140_1.dll").write_bytes(b"MZ cut")
    right(env / SECOND / "msvcp140_1.dll")
    assert codes(env) == {"TFD502": "error", "TFD504": "error"}


def test_an_environment_of_32_bits(tmp_path: Path) -> None:
    write_conda(tmp_path, "python", "3.6.8", subdir="win-32")
    (tmp_path / "python.exe").write_bytes(executable("win-32"))
    make_dll(tmp_path / MAIN, machine="x86", imports={CORE: ["common"]})
    write_record(tmp_path)
    make_dll(tmp_path / CORE, ["other"], machine="x86", version="14.44.35211.0")
    make_dll(tmp_path / FIRST / CORE, ["common"], version="14.44.35211.0")
    make_dll(tmp_path / SECOND / CORE, ["common"], machine="x86", version="14.44.35211.0")
    told = {finding.code: finding.expected for finding in found(tmp_path)}
    assert told == {"TFD505": "common", "TFD504": f"{SECOND}/{CORE}"}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_library_for_the_gpu_stops_nothing_where_none_is_wanted(wanted: bool, env: Path) -> None:
    if wanted:
        write_conda(env, "cudatoolkit", "11.2.2")
        write_conda(env, "cudnn", "8.1.0.77")
    make_dll(env / FIRST / "cudart64_110.dll", ["x"])
    make_dll(env / SECOND / "cudart64_110.dll", ["x"])
    (env / FIRST / "cudart64_110.dll").write_bytes(b"MZ cut")
    told = {finding.code: finding.severity for finding in found(env) if finding.code in ("TFD502", "TFD504")}
    assert told == dict.fromkeys(("TFD502", "TFD504"), "error" if wanted else "warning")


def test_what_a_module_at_rest_would_load_stops_nothing(env: Path) -> None:
    make_dll(env / f"{SITE}/tensorflow/python/_pywrap_tfcompile.pyd").write_bytes(b"MZ cut")
    write_record(env)
    assert codes(env) == {"TFD502": "warning"}


# What is not the file that was recorded


def test_a_module_at_rest_that_was_cut_off_behind_its_image(env: Path) -> None:
    rest = env / f"{SITE}/tensorflow/python/_pywrap_tfcompile.pyd"
    data = make_dll(rest).read_bytes()
    rest.write_bytes(data + bytes(200))
    write_record(env)
    rest.write_bytes(data + bytes(100))
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD503", "warning", "certain")


@pytest.mark.parametrize(
    ("platform", "rewritten", "told"),
    [
        # Conda signs there what it wrote the prefix into: nothing of it is as it was packed.
        ("osx-arm64", True, []),
        ("osx-arm64", False, ["TFD503"]),
        ("win-64", True, ["TFD503"]),
    ],
)
def test_what_conda_wrote_the_prefix_into(platform: str, rewritten: bool, told: list[str], tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", platform, "3.10.13")
    file = site_packages(prefix, platform) / "tensorflow" / "python" / "_pywrap_tensorflow_internal.so"
    file = file.with_suffix(".pyd") if platform == "win-64" else file
    make_dll(file) if platform == "win-64" else make_dylib(file, machines=["arm64"])
    entry = {"_path": file.relative_to(prefix).as_posix(), "path_type": "hardlink"}
    entry |= {"size_in_bytes": file.stat().st_size - 10} | ({"prefix_placeholder": "/opt/place"} if rewritten else {})
    fields = {"files": [entry["_path"]], "paths_data": {"paths": [entry], "paths_version": 1}}
    add_record(prefix, platform, "tensorflow", "2.10.0", "py310h_0")
    add_record(prefix, platform, "tensorflow-base", "2.10.0", "py310h_0", **fields)
    assert [finding.code for finding in found(prefix)] == told
