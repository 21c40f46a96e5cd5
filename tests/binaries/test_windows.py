"""The Windows search order for each Python, and what a process of it loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.binaries import windows
from conda_tf_doctor.binaries.closure import Closure
from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.binaries.windows import WindowsSearch
from tests.binaries.oracle import named, verdict
from tools.tiny_pe import make_dll

MODULE = "Lib/site-packages/pkg/module.pyd"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    for folder in (
        "Library/bin",
        "Library/mingw-w64/bin",
        "Library/usr/bin",
        "Scripts",
        "bin",
        "Lib/site-packages/pkg",
    ):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def _shown(prefix: Path, places: tuple[windows.Place, ...]) -> list[str]:
    return [Path(place.folder).relative_to(prefix).as_posix() if place.folder else "SYSTEM" for place in places]


CONDA = ["Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin"]
OWN = "Lib/site-packages/pkg"


@pytest.mark.parametrize(
    ("python", "variables", "expected"),
    [
        ((3, 10), {}, [OWN, ".", *CONDA, "SYSTEM"]),
        ((3, 12), {"PATH": "other"}, [OWN, ".", *CONDA, "SYSTEM"]),
        ((3, 9), {}, [OWN, "SYSTEM", ".", *CONDA]),
        ((3, 7), {}, [OWN, "SYSTEM", ".", *CONDA]),
        ((3, 7), {"Path": "{0}/Scripts;{0}/bin"}, [OWN, "SYSTEM", "Scripts", "bin"]),
        (
            (3, 8),
            {"PATH": "{0}/bin", "CONDA_DLL_SEARCH_MODIFICATION_ENABLE": "1"},
            [OWN, ".", *CONDA, "SYSTEM"],
        ),
    ],
    ids=["3.10", "3.12-ignores-PATH", "3.9-activated", "3.7-activated", "3.7-PATH", "3.8-modified"],
)
def test_order_of_an_import(
    python: tuple[int, int], variables: dict[str, str], expected: list[str], prefix: Path
) -> None:
    env_vars = {name: value.format(prefix) for name, value in variables.items()}
    search = WindowsSearch(str(prefix), python, env_vars)
    assert _shown(prefix, search.for_import(str(prefix / MODULE))) == expected


@pytest.mark.parametrize(("python", "searched"), [((3, 7), True), ((3, 8), True), ((3, 10), False)])
def test_ctypes_and_path(python: tuple[int, int], searched: bool, prefix: Path) -> None:
    (prefix / "elsewhere").mkdir()
    places = WindowsSearch(str(prefix), python, {"PATH": f"{prefix}/elsewhere"}).for_ctypes()
    assert ("elsewhere" in _shown(prefix, places)) is searched


def test_what_tensorflow_loads_by_name_is_searched_on_path(prefix: Path) -> None:
    make_dll(prefix / "cuda" / "cudart64_110.dll")
    top = make_dll(prefix / MODULE)
    found = resolve(
        str(prefix), "win-64", [str(top)], "3.10", env_vars={"PATH": f"{prefix}/cuda"}, run_time=["cudart64_110.dll"]
    )
    module = named(found, "cudart64_110.dll")
    assert module is not None
    assert module.found_by == "loaded by name at run time: PATH"


@pytest.mark.parametrize(
    "name", ["api-ms-win-crt-runtime-l1-1-0.dll", "API-MS-Win-Core-Path-l1-1-0.DLL", "ext-ms-win-gdi-l1-1-0"]
)
def test_api_sets(name: str) -> None:
    assert windows.is_api_set(name)


@pytest.mark.parametrize("name", ["api.dll", "api-ms-win-crt-runtime.dll", "msvcp140.dll"])
def test_no_api_sets(name: str) -> None:
    assert not windows.is_api_set(name)


@pytest.mark.parametrize("machine", ["x86", "x86_64", "arm64"])
def test_windows_own_dlls(machine: str) -> None:
    known = windows.system_dlls(machine)
    assert {"kernel32.dll", "ws2_32.dll", "dbghelp.dll", "crypt32.dll", "bcrypt.dll", "ucrtbase.dll"} <= known
    # Installed, or the driver's: never taken for granted.
    assert not {name for name in known if name.startswith(("msvcp140", "vcruntime", "python3", "nv", "cud"))}


def load(prefix: Path, top: Path, **options: object) -> Closure:
    return resolve(str(prefix), "win-64", [str(top)], "3.10", **options)  # type: ignore[arg-type]


def test_names_match_in_any_case_on_any_file_system(prefix: Path) -> None:
    make_dll(prefix / "library_of_the_env.dll")
    top = make_dll(prefix / MODULE, imports={"Library_Of_The_ENV.DLL": [], "LIBRARY_of_the_env": []})
    found = load(prefix, top)
    assert found.failures == []
    assert sum(bool(module.path) for module in found.modules) == 2


def test_delay_imports_may_lack(prefix: Path) -> None:
    top = make_dll(prefix / MODULE, delayed={"late.dll": ["x"]})
    found = load(prefix, top)
    assert verdict(found) == 0
    assert [(m.name, m.optional) for m in found.problems] == [("late.dll", True)]


def test_the_driver_is_not_missed_where_nobody_can_look(prefix: Path) -> None:
    top = make_dll(prefix / MODULE, imports={"nvcuda.dll": ["cuInit"]})
    assert load(prefix, top).failures == []
    assert [m.name for m in load(prefix, top, system_folder=str(prefix / "none")).failures] == ["nvcuda.dll"]


def test_a_known_dll_comes_from_the_system_whatever_lies_elsewhere(prefix: Path) -> None:
    make_dll(prefix / OWN / "kernel32.dll", ["mine"])
    top = make_dll(prefix / MODULE, imports={"KERNEL32.dll": ["Sleep"]})
    found = load(prefix, top)
    assert found.failures == []
    assert [m.found_by for m in found.modules] == ["requested", "known DLL"]


def test_system_folder_at_hand_is_read(prefix: Path) -> None:
    system = prefix / "System32"
    make_dll(system / "kernel32.dll", ["Sleep"])
    top = make_dll(prefix / MODULE, imports={"KERNEL32.dll": ["Sleep", "NewerThanThisWindows"], "ntdll.dll": []})
    found = load(prefix, top, system_folder=str(system))
    assert {m.name: m.kind for m in found.problems} == {"KERNEL32.dll": "symbols", "ntdll.dll": "missing"}


def test_what_wines_own_dlls_lack_is_no_failure(prefix: Path) -> None:
    system, top = prefix / "System32", make_dll(prefix / MODULE, imports={"KERNEL32.dll": ["NewerThanThisWine"]})
    data = bytearray(make_dll(system / "kernel32.dll", ["Sleep"]).read_bytes())
    assert not any(data[480:512])  # between the headers and the first section
    for mark, problems in ((b"Wine builtin DLL", []), (b"Somebody's own..", ["KERNEL32.dll"])):
        data[480:496] = mark
        # It is remembered whose a file is.
        folder = prefix / mark[:4].decode()
        folder.mkdir()
        (folder / "kernel32.dll").write_bytes(data)
        assert [m.name for m in load(prefix, top, system_folder=str(folder)).problems] == problems


def test_already_loaded_by_another_module_of_the_package(prefix: Path) -> None:
    first = make_dll(prefix / "Lib/site-packages/tensorflow/python/_common.dll", ["x"])
    second = make_dll(prefix / "Lib/site-packages/tensorflow/lite/_lite.pyd", imports={"_common.dll": ["x"]})
    for order in ([first, second], [second, first]):
        found = resolve(str(prefix), "win-64", [str(path) for path in order], "3.12")
        assert found.failures == []


def test_preloads_come_before_the_modules(prefix: Path) -> None:
    make_dll(prefix / "msvcp140.dll", ["old"], version="14.16.1.0")
    make_dll(prefix / OWN / "msvcp140.dll", ["old", "new"], version="14.40.1.0")
    top = make_dll(prefix / MODULE, imports={"MSVCP140.dll": ["new"]})
    alone, preloaded = load(prefix, top), load(prefix, top, preloads=["msvcp140.dll"])
    assert alone.failures == []
    assert preloaded.failures[0].version == "14.16.1.0"
    assert [str(item.symbol) for item in preloaded.failures[0].missing_symbols] == ["new"]


def test_forwarders_run_in_a_circle(prefix: Path) -> None:
    make_dll(prefix / "a.dll", {"x": "b.x"})
    make_dll(prefix / "b.dll", {"x": "a.x"})
    top = make_dll(prefix / MODULE, imports={"a.dll": ["x"]})
    found = load(prefix, top)
    assert verdict(found) == 127
    assert "circle" in found.failures[0].missing_symbols[0].reason


def test_forwarder_to_an_ordinal_of_the_system(prefix: Path) -> None:
    make_dll(prefix / "a.dll", {"x": "NTDLL.#12", "y": "api-ms-win-core-file-l1-1-0.z"})
    top = make_dll(prefix / MODULE, imports={"a.dll": ["x", "y"]})
    assert load(prefix, top).failures == []


def test_names_longer_than_pefile_reads(prefix: Path) -> None:
    name = "?" + "operation@tensorflow@@" * 60
    make_dll(prefix / "a.dll", [name])
    good = load(prefix, make_dll(prefix / MODULE, imports={"a.dll": [name]}))
    assert good.failures == []
    bad = load(prefix, make_dll(prefix / MODULE, imports={"a.dll": [name + "more"]}))
    assert verdict(bad) == 127


def test_more_exports_than_pefile_reads(prefix: Path) -> None:
    names = [f"symbol_{number:05}" for number in range(20_000)]
    make_dll(prefix / "a.dll", names)
    found = load(prefix, make_dll(prefix / MODULE, imports={"a.dll": names[::7]}))
    assert found.failures == []


def test_a_venv_runs_its_base_python(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("base")
    make_dll(base / "vcruntime140.dll")
    (prefix / "pyvenv.cfg").write_text(f"home = {base}\nversion = 3.10.4\n")
    found = load(prefix, make_dll(prefix / MODULE, imports={"VCRUNTIME140.dll": []}))
    assert found.failures == []


def test_a_deep_chain_needs_no_recursion(prefix: Path) -> None:
    depth = 1500
    for number in range(depth):
        make_dll(prefix / f"d{number}.dll", imports={f"d{number + 1}.dll": []})
    found = load(prefix, prefix / "d0.dll")
    assert [m.name for m in found.failures] == [f"d{depth}.dll"]
    assert verdict(found) == 126


@pytest.fixture
def two_copies(prefix: Path) -> Callable[[str, str], Closure]:
    def build(first: str, second: str) -> Closure:
        make_dll(prefix / "a.dll", ["x"], machine=first)
        make_dll(prefix / "Library/bin/a.dll", ["x"], machine=second)
        return load(prefix, make_dll(prefix / MODULE, imports={"a.dll": ["x"]}))

    return build


def test_a_copy_for_another_machine_is_passed_over(two_copies: Callable[[str, str], Closure]) -> None:
    found = named(two_copies("arm64", "x86_64"), "a.dll")
    assert found is not None
    assert (found.kind, found.met, Path(found.path).parent.name) == ("", 1, "bin")


def test_only_copies_for_other_machines(two_copies: Callable[[str, str], Closure]) -> None:
    closure = two_copies("arm64", "x86")
    assert verdict(closure) == 193
    assert closure.failures[0].problem == "for arm64, Python is for x86_64"


def test_parts_of_cudnn_are_looked_for_once_it_is_there(prefix: Path) -> None:
    top = make_dll(prefix / MODULE)
    without = load(prefix, top, run_time=["cudnn64_8.dll"])
    assert [m.name for m in without.problems] == ["cudnn64_8.dll"]
    make_dll(prefix / "Library/bin/cudnn64_8.dll")
    make_dll(prefix / "Library/bin/cudnn_ops_infer64_8.dll")
    found = load(prefix, top, run_time=["cudnn64_8.dll"])
    assert "cudnn_cnn_infer64_8.dll" in [m.name for m in found.problems]
    assert "cudnn_ops_infer64_8.dll" not in [m.name for m in found.problems]
    assert found.failures == []
