"""What is asked of the binaries of an environment, and what their facts tell."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conda_tf_doctor.binaries.stack import added_folders
from conda_tf_doctor.binaries.windows import CONDA_FOLDERS
from conda_tf_doctor.context import binaries
from conda_tf_doctor.context.binaries import BinaryFacts, examine, runtime_is_lost
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment import machine
from conda_tf_doctor.environment.facts import Binary, Package
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from tests.binaries.conftest import MAIN, SITE, whole, write_conda
from tests.context.test_context import context

RUNTIME = ("msvcp140.dll", "msvcp140_1.dll")


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Windows environment that is looked at from another machine."""
    monkeypatch.setattr(binaries, "is_at_hand", lambda _: False)
    monkeypatch.setattr(machine, "_vc_runtime", lambda _: "")
    return whole(tmp_path / "env")


def of(prefix: Path) -> Context:
    return Context(read_prefix(str(prefix)), load_matrix())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the resolver was asked, each time; it answers all the same."""
    names = (
        "prefix", "platform", "modules", "version", "machine", "variables", "system", "preloads", "run_time",
        "provided", "added",
    )  # fmt: skip
    noted: list[dict[str, Any]] = []
    real = binaries.resolve

    def resolve(*arguments: Any) -> Any:
        noted.append(dict(zip(names, arguments, strict=True)))
        return real(*arguments)

    monkeypatch.setattr(binaries, "resolve", resolve)
    return noted


def write_info(prefix: Path, names: str) -> None:
    info = prefix / SITE / "tensorflow" / "python" / "platform" / "build_info.py"
    info.write_text(f"build_info = OrderedDict([('msvcp_dll_names', '{names}')])\n" if names else "x = 1\n")


def test_what_is_asked_of_windows_binaries(env: Path, asked: list[dict[str, Any]]) -> None:
    found = of(env)
    facts = found.binaries
    assert facts is not None and found.build is not None
    first, beside = asked
    assert [os.path.basename(path) for path in first["modules"]] == [
        os.path.basename(path) for path in facts.modules
    ] and str(env / MAIN) in facts.modules
    assert (first["prefix"], first["platform"], first["version"]) == (str(env), "win-64", "3.10.4")
    assert (first["machine"], facts.machine, first["variables"], first["system"]) == ("x86_64", "x86_64", {}, "")
    assert first["preloads"] == facts.preloads == RUNTIME
    assert first["run_time"] == found.build.libraries
    assert first["added"] == beside["added"] == added_folders(str(env / SITE))
    # What lies beside TensorFlow is resolved as if it were alone.
    assert (beside["preloads"], beside["run_time"]) == ((), ())
    assert facts.at_hand is False and facts.damages == () and facts.reported == ()


@pytest.mark.parametrize(
    ("version", "told", "preloads"),
    [
        ("2.10.0", "msvcp140.dll, ,vcruntime140.dll,", ("msvcp140.dll", "vcruntime140.dll")),
        # Where the files do not say it, the row of the build does; of an unknown one nobody does.
        ("2.10.0", "", RUNTIME),
        ("2.99.0", "", ()),
        ("2.99.0", "msvcp140.dll", ("msvcp140.dll",)),
    ],
)
def test_what_tensorflow_loads_first(
    version: str, told: str, preloads: tuple[str, ...], env: Path, asked: list[dict[str, Any]]
) -> None:
    write_info(env, told)
    info = env / SITE / "tensorflow-2.10.0.dist-info"
    info.rename(info.with_name(f"tensorflow-{version}.dist-info"))
    found = of(env)
    assert (found.build is None) == (version == "2.99.0")
    facts = found.binaries
    assert facts is not None and facts.preloads == asked[0]["preloads"] == preloads
    assert bool(asked[0]["run_time"]) == (found.build is not None)


@pytest.mark.parametrize(
    ("cudnn", "zlib"), [("8.1.0.77", False), ("8.4.1.50", True), ("9.0.0.312", False), ("", False)]
)
def test_cudnn_of_some_releases_asks_for_zlib(cudnn: str, zlib: bool, env: Path, asked: list[dict[str, Any]]) -> None:
    if cudnn:
        write_conda(env, "cudnn", cudnn)
    assert of(env).binaries is not None
    assert ("zlibwapi.dll" in asked[0]["run_time"]) is zlib


def test_what_is_loaded_with_the_build_is_not_loaded_later(env: Path, asked: list[dict[str, Any]]) -> None:
    found = of(env)
    assert found.build is not None
    found.__dict__["build"] = found.build._replace(load_time=True)
    assert found.binaries is not None and asked[0]["run_time"] == ()


def test_no_dll_is_asked_of_linux(env: Path, asked: list[dict[str, Any]]) -> None:
    found = of(env)
    found.env.platform = "linux-64"
    found.env.python = found.env.python._replace(machine="")
    facts = examine(found)
    assert facts is not None and (facts.preloads, facts.machine) == ((), "x86_64")
    assert {(each["preloads"], each["added"], each["system"]) for each in asked} == {((), (), "")}


def test_where_there_is_nothing_to_examine(env: Path) -> None:
    found = of(env)
    found.env.binaries = [Binary("a.so", "x86_64")]
    facts = examine(found)
    assert facts == BinaryFacts(None, reported=(Binary("a.so", "x86_64"),), machine="x86_64")
    assert examine(context("tensorflow 2.10.0 pip", platform="win-64")) is None
    for module in (env / SITE / "tensorflow").rglob("*.pyd"):
        module.unlink()
    assert examine(of(env)) is None


@pytest.mark.parametrize("how", ["asked", "of the environment", "not"])
def test_what_is_examined_thoroughly_is_not_taken_from_memory(
    how: str, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[bool, bool]] = []
    listed, compared = binaries.recorded_files, binaries.compare

    def recorded(*arguments: Any, every: bool, kept: Any) -> Any:
        taken.append((every, kept is not None))
        return listed(*arguments, every=every, kept=kept)

    def compare(entries: Any, thorough: bool, kept: Any) -> Any:
        taken.append((thorough, kept is not None))
        return compared(entries, thorough, kept)

    monkeypatch.setattr(binaries, "recorded_files", recorded)
    monkeypatch.setattr(binaries, "compare", compare)
    found = of(env)
    found.env.remember, found.env.thorough = True, how == "of the environment"
    assert examine(found, thorough=how == "asked") is not None
    assert taken == [(how != "not", how == "not")] * 2


def test_a_package_of_which_nothing_is_there_describes_another_installation(env: Path) -> None:
    write_conda(env, "libother", "1.0", paths_data={"paths": [
        {"_path": "Library/bin/gone.dll", "sha256": "0" * 64, "size_in_bytes": 4, "path_type": "hardlink"},
    ]})  # fmt: skip
    facts = of(env).binaries
    assert facts is not None and facts.damages == ()
    (env / MAIN).write_bytes((env / MAIN).read_bytes() + b"x")
    damaged = of(env).binaries
    assert damaged is not None and [each.recorded.owner for each in damaged.damages] == ["tensorflow"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' own folders are met there")
def test_the_search_path_as_if_it_were_activated(monkeypatch: pytest.MonkeyPatch) -> None:
    found = context("tensorflow 2.10.0 pip", platform="win-64").env
    monkeypatch.setattr(binaries, "is_at_hand", lambda _: True)
    found.prefix = "/env"
    listed = [os.path.join("/env", *parts) for parts in CONDA_FOLDERS]
    found.env_vars = {"Path": f"C:\\x;;{listed[0].upper()}\\;", "Other": "1"}
    path = binaries._variables(found)["PATH"].split(";")
    assert path == ["/env", *listed[1:], "C:\\x", f"{listed[0].upper()}\\"]
    assert binaries._variables(found)["OTHER"] == "1"
    found.platform, found.env_vars = "linux-64", {"Path": "/bin"}
    assert binaries._variables(found) == {"Path": "/bin"}


def test_only_the_variables_of_a_search_are_handed_on(env: Path, asked: list[dict[str, Any]]) -> None:
    found = of(env)
    found.env.platform, found.env.this_machine = "linux-64", True
    found.env.env_vars = {"LD_LIBRARY_PATH": "/opt", "PATH": "/bin"}
    binaries.is_at_hand = lambda _: True  # the fixture puts it back
    assert examine(found) is not None
    assert asked[0]["variables"] == {"LD_LIBRARY_PATH": "/opt"} and asked[0]["system"] == ""


def closure(reached: dict[str, list[Any]]) -> Any:
    return SimpleNamespace(roots=list(reached), reach=reached.__getitem__)


def beside(vital: bool, package: str) -> Any:
    return SimpleNamespace(vital=vital, package=package)


def test_what_stands_beside_it_and_is_needed() -> None:
    h5py, numpy, spare = (SimpleNamespace(name=name, image=None) for name in ("h5py", "numpy", "spare"))
    reached = {"a": [numpy], "b": [h5py, numpy], "c": [spare], "d": [spare]}
    around = (beside(True, "numpy"), beside(True, "h5py"), beside(False, "x"), beside(True, ""))
    facts = BinaryFacts(None, neighbours=around, beside=closure(reached))
    assert facts.needed_beside() == [numpy, h5py]
    assert BinaryFacts(None).needed_beside() == []
    assert facts.minimum_macos() == ("", None)


def test_the_newest_macos_that_anything_asks_for() -> None:
    def module(system: str | None) -> Any:
        return SimpleNamespace(image=None if system is None else SimpleNamespace(minimum_system=system))

    old, new, silent, absent, numpy = map(module, ("10.15", "11.0", "", None, "12.3"))
    facts = BinaryFacts(SimpleNamespace(modules=[old, new, silent, absent]))  # type: ignore[arg-type]
    assert facts.minimum_macos() == ("11.0", new)
    both = facts._replace(neighbours=(beside(True, "numpy"),), beside=closure({"a": [numpy]}))
    assert both.minimum_macos() == ("12.3", numpy)
    assert BinaryFacts(None).minimum_macos() == ("", None)
    assert BinaryFacts(SimpleNamespace(modules=[absent])).minimum_macos() == ("", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "missing", "there", "lost"),
    [
        ({"name": "vc14_runtime", "version": "14.38.33135"}, ["msvcp140.dll"], True, True),
        # Which it never had.
        ({"name": "vs2015_runtime", "version": "14.0.25420"}, ["vcruntime140_1.dll"], False, False),
        ({"name": "vs2015_runtime", "version": "14.0.25420"}, ["vcruntime140_1.dll", "msvcp140.dll"], True, True),
        # What no record speaks of: lost where Python needs one and none of it is there.
        ({}, ["msvcp140.dll"], False, True),
        ({}, ["msvcp140.dll"], True, False),
    ],
)
def test_a_runtime_that_is_lost(record: dict[str, str], missing: list[str], there: bool, lost: bool, env: Path) -> None:
    write_conda(env, "python", "3.10.4", depends=["vc >=14.1,<15", "zlib"])
    if record:
        write_conda(env, **record)
    for file in list(env.iterdir()):
        if not there and binaries.VC_RUNTIME.match(file.name):
            file.unlink()
    assert runtime_is_lost(of(env), missing) is lost


def test_a_python_that_needs_no_runtime_has_lost_none(env: Path) -> None:
    write_conda(env, "python", "3.10.4", depends=["zlib"])
    for file in list(env.iterdir()):
        if binaries.VC_RUNTIME.match(file.name):
            file.unlink()
    assert not runtime_is_lost(of(env), ["msvcp140.dll"])
    (env / "conda-meta" / "python-3.10.4-h0_0.json").unlink()
    assert not runtime_is_lost(of(env), ["msvcp140.dll"])


@pytest.mark.parametrize(
    ("files", "provided"),
    [
        # A record with a list is held to it.
        (["msvcp140.dll", "vcruntime140.dll"], ""),
        (["Library/bin/msvcp140.dll"], ""),
        (["other.txt"], "14.38.33135"),
        ([], "14.38.33135"),
        (None, "14.38.33135"),
        ([7, "other.txt"], "14.38.33135"),
    ],
)
def test_a_runtime_whose_record_lists_no_file_of_it(files: Any, provided: str, env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.38.33135", files=files)
    assert binaries._provided(of(env)).get("msvcp140.dll", "") == provided
    record = next((env / "conda-meta").glob("vc14*.json"))
    record.write_text("[1]")
    assert not binaries._lists_files(of(env).env, f"conda-meta/{record.name}")


@pytest.mark.parametrize(
    ("platform", "here", "system"), [("win-64", True, "SYS"), ("win-64", False, ""), ("linux-64", True, "")]
)
def test_the_system_s_folder_is_looked_into_where_it_is_this_machine_s(
    platform: str, here: bool, system: str, env: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "is_at_hand", lambda _: here)
    monkeypatch.setattr(binaries, "system_folder", lambda _: "SYS")
    (env / SITE / "numpy.libs").mkdir()
    found = of(env)
    found.env.platform, found.env.this_machine = platform, here
    assert examine(found) is not None
    assert {each["system"] for each in asked} == {system}
    added = (str(env / SITE / "numpy.libs"),) if platform == "win-64" else ()
    assert {each["added"] for each in asked} == {added}
    assert binaries.closure_of(found, []) is not None and asked[-1]["added"] == added


def test_what_was_resolved_once_is_taken_from_memory(
    env: Path, tmp_path: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conda_tf_doctor.binaries.remembered.cache_folder", lambda: str(tmp_path / "cache"))
    time.sleep(2.1)  # what was written just now is not remembered
    for runs in (2, 2):
        found = of(env)
        found.env.remember = True
        assert found.binaries is not None and found.binaries.closure is not None
        found.keep()
        assert len(asked) == runs


def test_what_lies_beside_is_asked_for_with_the_keras_that_is_there(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[Any, ...]] = []
    real = binaries.neighbours
    monkeypatch.setattr(binaries, "neighbours", lambda *given: (noted.append(given[2:]), real(*given))[1])
    found = of(env)
    assert examine(found) is not None
    found.env.add([Package("keras", "3.1.1", "pip")])
    found.env.platform = "linux-64"
    assert examine(found) is not None
    assert noted == [(True, ""), (False, "3.1.1")]


def test_files_of_a_record_of_which_nothing_is_there_prove_nothing(env: Path) -> None:
    def recorded(name: str) -> None:
        paths = [{"_path": f"{SITE}/{name}/gone.pyd", "sha256": "0" * 64, "size_in_bytes": 4, "path_type": "hardlink"}]
        write_conda(env, name, "1.0", paths_data={"paths": paths}, files=[paths[0]["_path"]])

    recorded("grpcio")
    assert [each.recorded.owner for each in found_damages(env)] == []
    # What TensorFlow imports is installed, even where all of it is gone.
    recorded("h5py")
    assert [each.recorded.owner for each in found_damages(env)] == ["h5py"]


def found_damages(prefix: Path) -> tuple[Any, ...]:
    facts = of(prefix).binaries
    assert facts is not None
    return facts.damages
