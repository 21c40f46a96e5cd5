"""Holds every row of the matrix to what was read from the wheels, the recipes and the vendors' tables."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import Build
from conda_tf_doctor.matrix.vc_runtime import VcRuntime
from conda_tf_doctor.versions import contains, key

FACTS = Path(__file__).parent.parent / "facts"

Fact = dict[str, str]


def facts(name: str) -> list[Fact]:
    with (FACTS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def each(name: str, *labels: str) -> pytest.MarkDecorator:
    rows = facts(name)
    return pytest.mark.parametrize("fact", rows, ids=["-".join(row[label] for label in labels) for row in rows])


@cache
def matrix() -> Matrix:
    return load_matrix()


def only(found: list[Build], what: object) -> Build:
    assert len(found) == 1, f"{what}: {[build.id for build in found]}"
    return found[0]


def wheel(fact: Fact, platform: str) -> Build:
    rows = matrix().builds(fact["distribution"], fact["version"], "pypi", platform)
    return only([row for row in rows if row.tensorflow == fact["version"]], fact)


@each("tested_gpu_builds", "platform", "distribution", "version")
def test_tested_build(fact: Fact) -> None:
    # The table names 1.13.0, which was never released; its 10 stands for 10.0.
    version = {"1.13.0": "1.13.1"}.get(fact["version"], fact["version"])
    distribution = fact["distribution"]
    if (distribution, version) == ("tensorflow", "2.0.0"):
        distribution = "tensorflow-gpu"  # tensorflow itself had no CUDA before 2.1
    row = wheel({"distribution": distribution, "version": version}, fact["platform"])
    cuda = fact["cuda"] if "." in fact["cuda"] else f"{fact['cuda']}.0"
    assert (row.variant, row.cuda_built, row.cudnn_built) == ("gpu", cuda, fact["cudnn"])
    assert contains(row.cuda, cuda)
    assert contains(row.cuda_loads, cuda)
    assert contains(row.cudnn, fact["cudnn"])


@each("conda_metapackages", "channel", "name", "version", "platform")
def test_metapackage(fact: Fact) -> None:
    rows = matrix().builds(fact["name"], fact["version"], fact["channel"], fact["platform"])
    assert {row.variant_name for row in rows} == set(fact["variants"].split())
    assert {row.distribution for row in rows} <= {"tensorflow"}
    assert not fact["variants"] or fact["version"] in matrix().versions(fact["name"], fact["channel"], fact["platform"])


def test_windows_gpu_builds_of_tensorflow() -> None:
    rows = matrix().builds("tensorflow", channel="pypi", platform="win-64")
    with_gpu = [row.tensorflow for row in rows if row.variant == "gpu" and not row.prerelease]
    assert with_gpu[:2] == ["1.15.0", "2.1.0"]
    assert with_gpu[-1] == "2.10.1"
    later = [row for row in rows if key(row.tensorflow) >= key("2.11.0rc0")]
    assert later
    assert not [row.id for row in later if row.variant == "gpu"]


def test_windows_imports_cuda_in_1_1_to_1_14_alone() -> None:
    rows = [row for row in matrix().builds("tensorflow-gpu", channel="pypi", platform="win-64") if row.kind == "build"]
    imports = {row.tensorflow for row in rows if row.load_time}
    assert imports == {row.tensorflow for row in rows if key("1.1") <= key(row.tensorflow) < key("1.15")}


def test_cudart_is_named_110_in_all_of_cuda_11() -> None:
    for row in matrix().builds(platform="win-64"):
        if row.variant == "gpu" and row.cuda_built.startswith("11."):
            assert "cudart64_110.dll" in row.libraries, row.id


@pytest.mark.parametrize("platform", ["win-64", "linux-64"])
@pytest.mark.parametrize(("cuda", "works"), [("11.0", True), ("11.1", False), ("11.2", False), ("11.8", False)])
def test_2_4_works_with_cuda_11_0_alone(platform: str, cuda: str, works: bool) -> None:
    row = only(matrix().builds("tensorflow", "2.4.1", "pypi", platform), platform)
    assert contains(row.cuda_loads, cuda) is works


def conda_rows(fact: Fact) -> list[Build]:
    return [
        row
        for row in matrix().builds(version=fact["version"], channel=fact["channel"], platform=fact["platform"])
        if row.build_number == int(fact["build_number"]) and row.variant_name == fact["variant"]
    ]


@each("conda_builds", "channel", "version", "build_number", "platform", "variant", "cuda")
def test_conda_build(fact: Fact) -> None:
    rows = [row for row in conda_rows(fact) if row.cuda_built == fact["cuda"]]
    row = only(rows, fact)
    assert set(fact["python"].split()) <= set(row.python)
    gpu = bool(fact["cuda"]) or fact["variant"] == "gpu"
    assert row.variant == ("gpu" if gpu else "cpu")
    if fact["cuda_pin"]:
        assert row.cuda_pin == fact["cuda_pin"]
    if fact["cuda"]:
        assert contains(row.cuda, fact["cuda"])
        assert contains(row.cuda_loads, fact["cuda"])
    if fact["cudnn"]:
        wanted = fact["cudnn"].removesuffix(".x")
        assert (row.cudnn_built + ".").startswith(wanted + ".")
        assert contains(row.cudnn, row.cudnn_built)
    assert row.gpu_functional is {"": None, "yes": True, "no": False}[fact["gpu_functional"]]
    assert row.requires_cuda_virtual == bool(fact["requires_cuda"])
    assert row.microarch_level == int(fact["microarch_level"] or 0)
    assert (f"macOS {row.macos}" if row.macos else row.glibc) == fact["floor"]


def test_no_conda_row_without_a_build() -> None:
    known = {
        (fact["channel"], fact["version"], fact["build_number"], fact["platform"], fact["variant"], fact["cuda"])
        for fact in facts("conda_builds")
    }
    for row in matrix().builds():
        if row.channel != "pypi":
            parts = (row.channel, row.tensorflow, str(row.build_number), row.platform, row.variant_name, row.cuda_built)
            assert parts in known


@pytest.mark.parametrize(
    ("version", "platform", "variant", "works", "fails"),
    [
        ("2.11.0", "linux-64", "cuda112", "11.2 11.8", "11.1 12.0"),
        ("2.15.0", "linux-64", "cuda120", "12.0 12.9", "11.8 13.0"),
        ("2.20.0", "linux-64", "cuda128", "12.8 12.9", "12.6 13.0"),
    ],
)
def test_conda_forge_cuda_ranges(version: str, platform: str, variant: str, works: str, fails: str) -> None:
    channel = "defaults" if version == "2.20.0" else "conda-forge"
    rows = matrix().rows(tensorflow=version, platform=platform, channel=channel, variant=variant)
    assert rows
    for row in rows:
        assert all(contains(row.cuda, cuda) for cuda in works.split())
        assert not any(contains(row.cuda, cuda) for cuda in fails.split())


@pytest.mark.parametrize(
    ("version", "cuda", "cudnn"), [("2.4.1", "10.1", "7.6"), ("2.5.0", "11.3", "8.2"), ("2.12.0", "11.3", "8.2")]
)
def test_defaults_has_its_own_cuda(version: str, cuda: str, cudnn: str) -> None:
    row = only(matrix().rows(tensorflow=version, platform="linux-64", channel="defaults", variant="gpu"), version)
    assert (row.cuda_built, row.cudnn_built) == (cuda, cudnn)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_conda_forge_2_15_0_builds_without_cuda_in_them(number: int) -> None:
    rows = matrix().rows(tensorflow="2.15.0", channel="conda-forge", platform="linux-64", variant="gpu")
    functional = {row.gpu_functional for row in rows if row.build_number == number}
    assert functional == {number >= 2}


@each("drivers", "cuda")
def test_driver(fact: Fact) -> None:
    table = matrix().table("drivers")
    entry = table["releases"][fact["cuda"]]
    assert (entry["linux"], entry.get("windows", "")) == (fact["linux"], fact["windows"])
    assert entry["reports"] == fact["reports"]
    family = table["families"].get(fact["cuda"].split(".")[0], {})
    assert (family.get("linux", ""), family.get("windows", "")) == (fact["family_linux"], fact["family_windows"])


def test_rows_ask_for_a_driver_of_the_table() -> None:
    table = matrix().table("drivers")
    for row in matrix().builds():
        if not row.driver:
            continue
        system = {"win": "windows", "linux": "linux"}[row.platform.split("-")[0]]
        same = [release for name, release in table["releases"].items() if name.startswith(f"{row.cuda_built}.")]
        lowest = min((release[system] for release in same if release.get(system)), key=key, default="")
        family = table["families"].get(row.cuda_built.split(".")[0], {}).get(system, "")
        floors = [f">={floor}" for floor in (lowest, family, "450.51.05", "451.48", "367.48", "369.30") if floor]
        assert row.driver in floors, row.id


@each("cuda_file_names", "library", "cuda")
def test_cuda_file_name(fact: Fact) -> None:
    entries = matrix().table("cuda_libraries")["names"][fact["library"]]
    entry = [entry for entry in entries if contains(entry["cuda"], fact["cuda"])]
    assert [(one["windows"], one["linux"]) for one in entry] == [(fact["windows"], fact["linux"])]


@each("cuda_components", "package", "version")
def test_cuda_component(fact: Fact) -> None:
    table = matrix().table("cuda_libraries")
    how = table["packages"][fact["package"]]["version"]
    if how == "cuda":
        assert ".".join(fact["version"].split(".")[:2]) == fact["cuda"]
    else:
        assert fact["version"] in table["components"][how][fact["cuda"]]


def test_libraries_are_those_of_the_cuda_they_load() -> None:
    names = matrix().table("cuda_libraries")["names"]
    known = {
        entry[system]: entry["cuda"]
        for entries in names.values()
        for entry in entries
        for system in ("windows", "linux")
        if entry.get(system)
    }
    for row in matrix().builds():
        for library in row.libraries:
            if library.startswith(("libcuda.", "nvcuda", "libcudnn", "cudnn64")):
                continue
            assert contains(known[library], row.cuda_built), (row.id, library)


@pytest.mark.parametrize(
    ("cudnn", "needed"), [("7.6.5", False), ("8.2.1", False), ("8.3.0", True), ("8.9.7.29", True), ("9.2", False)]
)
def test_zlibwapi(cudnn: str, needed: bool) -> None:
    assert contains(matrix().table("cudnn")["zlibwapi"]["cudnn"], cudnn) is needed


def test_runtime_dlls_have_the_version_that_brought_them() -> None:
    dlls = matrix().table("vc_runtime")["dlls"]
    for row in matrix().builds():
        for dll in row.vc_dlls:
            assert contains(f">={dlls[dll]['runtime']}", row.vc_runtime.removeprefix(">=")), (row.id, dll)


@each("vc_runtime_dlls", "publisher", "release")
def test_runtime_dlls(fact: Fact) -> None:
    known = VcRuntime(matrix())
    assert {dll.removesuffix(".dll") for dll in known.dlls(fact["runtime"])} == set(fact["dlls"].split())
    for dll in fact["dlls"].split():
        assert known.first(f"{dll.upper()}.DLL")
        assert known.has(fact["runtime"], f"{dll}.dll")


def test_every_runtime_dll_has_a_source_and_was_seen() -> None:
    dlls = matrix().table("vc_runtime")["dlls"]
    assert all(entry["source"] for entry in dlls.values())
    assert {name for fact in facts("vc_runtime_dlls") for name in fact["dlls"].split()} == {n[:-4] for n in dlls}


def test_a_dll_and_a_version_that_nobody_knows_prove_nothing() -> None:
    known = VcRuntime(matrix())
    assert known.has("14.0", "our140.dll")
    assert known.has("", "vcruntime140_threads.dll")
    assert known.newest_first(["our140.dll"]) == "14.0"
    assert known.newest_first(["VCRUNTIME140_1.dll", "msvcp140_atomic_wait.dll", "msvcp140.dll"]) == "14.28"


@pytest.mark.parametrize(
    ("package", "version", "runtime"),
    [
        ("vs2015-runtime", "15.5.2", "14.12.25810"),
        ("vs2015-runtime", "14.29.30139", "14.29.30139"),
        ("vc14-runtime", "15.5.2", "15.5.2"),
    ],
)
def test_vs2015_runtime_15_5_2_is_renumbered(package: str, version: str, runtime: str) -> None:
    assert VcRuntime(matrix()).version_of(package, version) == runtime


def test_a_package_that_took_the_place_of_another_is_asked_first() -> None:
    assert VcRuntime(matrix()).packages == ("vc14-runtime", "vs2015-runtime")


def test_stubs_lead_to_binaries() -> None:
    known = {(row.distribution, row.tensorflow) for row in matrix().builds(channel="pypi") if row.kind == "build"}
    for row in matrix().builds(channel="pypi"):
        if row.kind == "stub" and not row.stub_for.startswith("tensorflow-cpu-aws"):
            target = matrix().resolve_stub(row)
            assert (target.distribution, target.tensorflow) in known, row.id
            assert set(row.python) & set(target.python), row.id


def test_every_row_has_a_source_and_versions_that_are_ranges() -> None:
    from conda_tf_doctor.matrix.check import bad_specifiers

    ids = set()
    for row in matrix().builds():
        assert row.source, row.id
        assert row.id not in ids
        ids.add(row.id)
        for spec in (row.cuda, row.cudnn, row.numpy, row.protobuf, row.keras, row.driver, *row.requires.values()):
            assert not bad_specifiers(spec), (row.id, spec)
