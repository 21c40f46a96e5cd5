"""A healthy environment gets no error: all builds, layouts that once were false alarms, and noise."""

from __future__ import annotations

import copy
import json
import os
import platform
import random
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conda_tf_doctor.binaries import elf_symbols
from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.codes import RULES
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.render.report import collect
from tools.healthy import CORNERS, Healthy, can_be_healthy, environments
from tools.index_wheels import link_into, unpacked
from tools.prefixes import add_dist, make_prefix
from tools.tiny_elf import make_so

# What a healthy environment may be told, with the reason: all of these fail in part, on their own packages' account.
TOLD = {
    "TFD308": "cudatoolkit of conda has no ptxas, so that XLA on a GPU needs cuda-nvcc beside it",
    "TFD603": "conda's records of TensorFlow 2.3 to 2.5 allow every numpy, also those without np.object",
}
SAMPLE = 600


@cache
def matrix() -> Matrix:
    return load_matrix()


@cache
def schema(name: str) -> jsonschema.Draft202012Validator:
    text = (files("conda_tf_doctor") / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def check(report: dict[str, Any], kind: str = "report") -> Diagnosis:
    env = environment_of(report, "report.json")
    env.kind = kind
    return diagnose(env, matrix())


def alarms(healthy: Healthy, kind: str) -> list[str]:
    found = check(healthy.report, kind)
    bad = [
        f"{healthy.id} as {kind}: {finding.severity} {finding.code} {finding.message}"
        for finding in found.findings
        if finding.severity == "error"
        or (finding.severity == "warning" and finding.code not in TOLD)
        or finding.code == "TFD902"
    ]
    return bad if found.tensorflow else [f"{healthy.id} as {kind}: no TensorFlow found"]


@cache
def every() -> Sequence[Healthy]:
    return tuple(environments(matrix(), matrix().rows()))


@pytest.mark.parametrize("kind", ["report", "prefix", "solve"])
def test_a_sample_of_all_builds_is_healthy(kind: str) -> None:
    sample = random.Random(f"1/{kind}").sample(every(), SAMPLE)
    assert [alarm for healthy in sample for alarm in alarms(healthy, kind)] == []


@pytest.mark.slow
def test_all_builds_on_all_pythons_are_healthy() -> None:
    assert [alarm for healthy in every() for alarm in alarms(healthy, "prefix")] == []


def test_every_build_has_a_healthy_environment_with_old_and_new_packages() -> None:
    there = {(healthy.row.id, corner) for healthy in every() for corner in CORNERS if corner in healthy.id}
    rows = [row.id for row in matrix().rows() if can_be_healthy(row)]
    assert [(row, corner) for row in rows for corner in CORNERS if (row, corner) not in there] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"numpy": "2.1.0"}, id="numpy-2"),
        pytest.param({"protobuf": "5.26.1"}, id="protobuf-5"),
    ],
)
def test_the_environments_are_no_sham(change: dict[str, str]) -> None:
    """What makes them sick is found in them, so that finding nothing means something."""
    row = next(
        r for r in matrix().rows(tensorflow="2.10.0", channel="pypi") if r.id == "pypi/tensorflow/2.10.0/linux-64"
    )
    report = copy.deepcopy(next(environments(matrix(), [row])).report)
    for package in report["packages"]:
        package["version"] = change.get(package["name"], package["version"])
    assert [f.package for f in check(report).findings if f.severity == "error"][:1] == list(change)


def test_builds_of_one_build_string_are_told_apart_by_the_cuda_beside_them() -> None:
    rows = [row for row in matrix().rows(tensorflow="1.8.0", channel="defaults", platform="linux-64") if row.cuda]
    assert {row.cuda_built for row in rows} == {"8.0", "9.0"}
    for healthy in environments(matrix(), rows):
        assert check(healthy.report).row == healthy.row.id


@pytest.mark.parametrize("front", ["tensorflow", "tensorflow-cpu"])
def test_a_stub_and_the_wheel_that_holds_its_binaries_are_one_tensorflow(front: str) -> None:
    rows = [row for row in matrix().rows(tensorflow="2.15.0", platform="win-64") if row.distribution == front]
    found = [healthy for healthy in environments(matrix(), rows) if healthy.row.stub_for]
    assert found
    assert [f.code for healthy in found for f in check(healthy.report).findings if f.code == "TFD602"] == []


def test_nothing_is_asked_of_a_report_that_was_collected() -> None:
    row = next(
        r for r in matrix().rows(tensorflow="2.17.0", channel="pypi") if r.id == "pypi/tensorflow/2.17.0/linux-64"
    )
    report = next(environments(matrix(), [row])).report
    typed = {key: value for key, value in report.items() if key != "complete"}
    assert [f for f in check(report).findings if f.needs] == []
    assert [f for f in check(typed).findings if f.needs] != []


def changed(row: str, way: str = "", **versions: str) -> Diagnosis:
    """Check the newest healthy environment of a row with other versions of some packages."""
    builds = [build for build in matrix().rows() if build.id == row]
    report = next(h.report for h in environments(matrix(), builds) if "newest" in h.id and way in h.id)
    report = copy.deepcopy(report)
    for package in report["packages"]:
        package["version"] = versions.get(package["name"].replace("-", "_"), package["version"])
    return check(report)


@pytest.mark.parametrize(
    ("row", "versions"),
    [
        ("pypi/tensorflow/2.15.0/linux-64", {"numpy": "2.1.0", "h5py": "3.10.0", "ml_dtypes": "0.2.0"}),
        ("pypi/tensorflow/2.10.0/win-64", {"numpy": "2.0.2"}),
        ("conda-forge/tensorflow/2.15.0-2/linux-64/cpu", {"numpy": "2.1.0", "h5py": "3.10.0"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_with_the_cause_is_not_repaired_by_itself(row: str, versions: dict[str, str]) -> None:
    found = changed(row, **versions)
    errors = [f for f in found.findings if f.severity == "error"]
    assert [(f.code, f.package) for f in errors] == [("TFD603", "numpy")]
    following = [f for f in found.findings if "This follows from numpy" in f.message]
    assert "tensorboard" in {f.package for f in following}
    assert all(f.severity == "info" and not any(f.fix) for f in following)


def test_a_mismatch_without_a_cause_behind_it_stays_an_error() -> None:
    found = changed("pypi/tensorflow/2.18.0/linux-64", numpy="2.0.2", h5py="3.10.0")
    assert [(f.code, f.fix.pip) for f in found.findings if f.severity == "error"] == [("TFD606", ("h5py>=3.11",))]


def test_pips_cudnn_is_repaired_through_pip() -> None:
    found = changed("pypi/tensorflow/2.17.0/linux-64", "wheels", nvidia_cudnn_cu12="9.3.0.75")
    finding = next(f for f in found.findings if f.code == "TFD303")
    assert finding.fix.pip == ("nvidia-cudnn-cu12==8.9.7.29",) and not finding.fix.pins


# --- Environments on disk


def _venv(folder: Path, base: Path, shared: bool, version: str = "3.11.7", platform: str = "linux-64") -> Path:
    make_prefix(folder, platform, python=version)
    shutil.rmtree(folder / "conda-meta")
    home = base / "bin"
    if platform.startswith("win"):
        home = base
        (folder / "Scripts").mkdir()
        (folder / "python.exe").rename(folder / "Scripts" / "python.exe")
    (folder / "pyvenv.cfg").write_text(
        f"home = {home}\ninclude-system-site-packages = {str(shared).lower()}\nversion = {version}\n", encoding="utf-8"
    )
    return folder


def _installed(folder: Path, packages: dict[str, str]) -> None:
    for name, version in packages.items():
        add_dist(folder, name, version)


def _stack(version: str, python: str = "3.11") -> dict[str, str]:
    row = next(
        r for r in matrix().rows(tensorflow=version, channel="pypi") if r.id == f"pypi/tensorflow/{version}/linux-64"
    )
    report = next(h.report for h in environments(matrix(), [row]) if f"-py{python}-newest" in h.id)
    return {p["name"]: p["version"] for p in report["packages"] if p["manager"] == "pip" and p["name"] != "tensorflow"}


def _codes(env: Any, severity: str = "error") -> list[tuple[str, str]]:
    return [(f.code, f.package) for f in diagnose(env, matrix()).findings if f.severity == severity]


@pytest.mark.parametrize("shared", [True, False])
def test_a_venv_has_its_bases_packages_where_it_says_so(tmp_path: Path, shared: bool) -> None:
    base = make_prefix(tmp_path / "base", "linux-64", python="3.11.7")
    stack = _stack("2.15.0")
    _installed(base, {"numpy": stack.pop("numpy")})
    venv = _venv(tmp_path / "venv", base, shared)
    _installed(venv, {**stack, "tensorflow": "2.15.0"})
    assert _codes(read_prefix(str(venv))) == ([] if shared else [("TFD603", "numpy")])


def test_what_the_venv_has_itself_comes_before_its_bases(tmp_path: Path) -> None:
    base = make_prefix(tmp_path / "base", "linux-64", python="3.11.7")
    _installed(base, {**_stack("2.15.0"), "numpy": "2.1.0"})
    venv = _venv(tmp_path / "venv", base, shared=True)
    _installed(venv, {"tensorflow": "2.15.0", "numpy": "1.26.4"})
    assert _codes(read_prefix(str(venv))) == []


HERE = "win-64" if sys.platform == "win32" else "linux-64"


@pytest.fixture
def user_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this platform that comes before the packages of a Python 3.10."""
    base = tmp_path / "home" / ".local"
    monkeypatch.setenv("PYTHONUSERBASE", str(base))
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    return base.joinpath(*(("Python310",) if sys.platform == "win32" else ("lib", "python3.10")), "site-packages")


def _in_user_site(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="the prefixes are Linux' and Windows'")
@pytest.mark.parametrize("kind", ["venv", "venv of conda's", "conda"])
def test_the_user_site_is_none_of_a_venvs(tmp_path: Path, user_site: Path, kind: str) -> None:
    _in_user_site(user_site, "six", "1.15.0")
    prefix = make_prefix(tmp_path / "base", HERE, python="3.10.11")
    if kind != "conda":
        prefix = _venv(tmp_path / "env", prefix, shared=kind != "venv", version="3.10.11", platform=HERE)
    _installed(prefix, {**_stack("2.10.1", "3.10"), "tensorflow": "2.10.1"})
    env = read_prefix(str(prefix))
    direct = diagnose(env, matrix()).findings
    found = [f for f in direct if f.code == "TFD703"]
    report = environment_of(collect(env, matrix(), findings=direct), "report.json")
    assert [f.fix.note for f in diagnose(report, matrix()).findings if f.code == "TFD703"] == [
        f.fix.note for f in found
    ]
    assert all("python -m pip uninstall six" in f.fix.note for f in found)
    assert [(f.severity, f.package) for f in found] == ([] if kind == "venv" else [("warning", "six")])
    # conda sets no variable of a venv.
    assert all(bool(f.fix.commands) is (kind == "conda") for f in found)


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="the prefixes are Linux' and Windows'")
def test_what_the_user_site_breaks_is_whole_when_conda_switches_it_off(tmp_path: Path, user_site: Path) -> None:
    _in_user_site(user_site, "numpy", "2.0.2")
    prefix = make_prefix(tmp_path / "env", HERE, python="3.10.11")
    _installed(prefix, {**_stack("2.10.1", "3.10"), "tensorflow": "2.10.1"})
    assert _codes(read_prefix(str(prefix))) == [("TFD703", "numpy")]
    # What `conda env config vars set`, and then `unset`, write.
    state = prefix / "conda-meta" / "state"
    state.write_text('{"env_vars": {"PYTHONNOUSERSITE": "1"}}')
    assert diagnose(read_prefix(str(prefix)), matrix()).findings == ()
    for text in ('{"env_vars": {"PYTHONNOUSERSITE": "***unset***"}}', '{"env_vars": []}', "{}", "[", ""):
        state.write_text(text)
        assert _codes(read_prefix(str(prefix))) == [("TFD703", "numpy")], text


def test_tensorflow_from_conda_whose_record_is_gone_is_no_gpu_build(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", python="3.11.7")
    for name, version in {**_stack("2.15.0"), "tensorflow": "2.15.0"}.items():
        add_dist(prefix, name, version, installer="conda")
    assert _codes(read_prefix(str(prefix))) == []
    assert "TFD302" not in [code for code, _ in _codes(read_prefix(str(prefix)), "warning")]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the wheel is for Linux x86-64")
def test_a_real_wheel_under_a_real_python_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2.19 has the largest libraries there are: 391,000 symbols in 71 MB of names."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    version = "2.19.1" if sys.version_info < (3, 13) else "2.20.0"
    prefix = tmp_path / "env"
    site_packages = prefix / "lib" / f"python{minor}" / "site-packages"
    wheel = unpacked(f"tensorflow-cpu=={version}", platform="manylinux_2_17_x86_64", python=minor)
    link_into(wheel, site_packages)
    for folder in site_packages.glob("*.dist-info"):
        (folder / "INSTALLER").unlink(missing_ok=True)
        (folder / "INSTALLER").write_text("pip\n")
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (prefix / "pyvenv.cfg").write_text(f"include-system-site-packages = false\nversion = {minor}.7\n")
    stack = _stack(version, minor)
    stack.pop("tensorflow-cpu", None)
    _installed(prefix, stack)
    assert (console(["check", "-p", str(prefix), "--json"]), json.loads(capsys.readouterr().out)["findings"]) == (0, [])
    assert console(["dlls", "-p", str(prefix), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


# --- Symbols of shared objects


def _python_of(prefix: Path) -> Path:
    (prefix / "bin").mkdir(parents=True)
    return make_so(prefix / "bin" / "python", defines=["Py_Something"])


@pytest.mark.parametrize("hashes", ["gnu", "sysv"])
@pytest.mark.parametrize("limit", ["MAX_STRINGS", "MAX_SYMBOLS"])
def test_what_was_not_read_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, hashes: str
) -> None:
    """libtensorflow_cc.so.2 of 2.19 has 71 MB of names: what lies behind the limit is there all the same."""
    _python_of(tmp_path)
    names = [f"symbol_{number}" for number in range(200)]
    make_so(tmp_path / "lib" / "libbig.so", soname="libbig.so", defines=names, hashes=hashes)
    top = make_so(tmp_path / "lib" / "module.so", needed=["libbig.so"], rpath="$ORIGIN", undefined=names[-3:])
    for number in (1 << 20, 64):
        monkeypatch.setattr(elf_symbols, limit, number)
        closure = resolve(str(tmp_path), "linux-64", [str(top)])
        assert [module.name for module in closure.modules if module.kind == "symbols"] == [], number


def test_a_symbol_that_nobody_has_is_missing_still(tmp_path: Path) -> None:
    _python_of(tmp_path)
    make_so(tmp_path / "lib" / "libbig.so", soname="libbig.so", defines=["one"])
    top = make_so(tmp_path / "lib" / "module.so", needed=["libbig.so"], rpath="$ORIGIN", undefined=["one", "two"])
    closure = resolve(str(tmp_path), "linux-64", [str(top)])
    assert [str(m.missing_symbols[0].symbol) for m in closure.modules if m.kind == "symbols"] == ["two"]


def test_a_library_finds_its_symbols_in_the_scope_of_what_opens_it(tmp_path: Path) -> None:
    """libforestprotos.so of 1.15 names no library it needs; the module that it is linked to names them."""
    _python_of(tmp_path)
    folder = tmp_path / "lib"
    make_so(folder / "libcore.so", soname="libcore.so", defines=["core"])
    helper = make_so(folder / "libhelper.so", soname="libhelper.so", undefined=["core"])
    top = make_so(folder / "ops.so", needed=["libhelper.so", "libcore.so"], rpath="$ORIGIN")
    closure = resolve(str(tmp_path), "linux-64", [str(helper), str(top)])
    assert [module.name for module in closure.modules if module.kind] == []


def test_curand_is_not_asked_for_once_tensorflow_does_without_it() -> None:
    rows = matrix().rows(channel="pypi", platform="linux-64", variant="gpu")
    with_curand = {".".join(row.tensorflow.split(".")[:2]) for row in rows if any("curand" in x for x in row.libraries)}
    assert {"2.10", "2.13"} <= with_curand
    assert not with_curand & {"2.14", "2.15", "2.16", "2.17", "2.18", "2.19", "2.20", "2.21"}


# --- Noise

NAMES = (
    "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-base", "tf-nightly", "numpy",
    "protobuf", "keras", "h5py", "ml-dtypes", "cudatoolkit", "cuda-version", "cuda-cudart", "cudnn",
    "nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12", "vc14_runtime", "vs2015_runtime", "libstdcxx-ng",
    "tensorflow-text", "tensorflow-metal", "torch", "python", "_tflow_select", "tensorboard", "libprotobuf",
    "Tensorflow_Addons", "",
)  # fmt: skip
VERSIONS = (
    "2.10.0", "2.15.1", "2.18.0", "2.21.0", "1.5.0", "1.15.5", "2.0.0-alpha0", "2.16.0rc1", "0.12.0", "1.26.4",
    "2.1.3", "3.20.3", "11.2.2", "12.4", "8.1.0.77", "14.29.30139", "15.5.2", "3.10.0", "3.13.1", "", "unknown", "2",
    "2.x", "1!2.0", "2.10.0+cpu", "99999999999999999999", "2.10.0.dev20220728", "v2.9", "-1", "2..3", "２.10", "*",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(("", "linux", "Windows 10", "macOS 13.1", "Ubuntu 16.04", "10.16")), st.text(max_size=12)
)
SPECS = (
    "python >=3.10,<3.11.0a0",
    "cudatoolkit 11.2.*",
    "cudnn >=8.1,<9",
    "numpy",
    "numpy>=1.19,<2",
    "a b c d",
    "[x=1]",
    "::",
    "",
)
VERSION = st.one_of(st.sampled_from(VERSIONS), st.text(max_size=8))
PACKAGE = st.fixed_dictionaries(
    {"name": st.one_of(st.sampled_from([name for name in NAMES if name]), st.text(min_size=1, max_size=8))},
    optional={
        "version": VERSION,
        "build": st.sampled_from(
            ("", "0", "cuda112py310h9f2a1b7_0", "gpu_py39h1_0", "mkl_py38h1_0", "cp36-cp36m-win_amd64")
        ),
        "channel": st.sampled_from(("conda-forge", "defaults", "pypi", "https://example.org/mine/linux-64", "")),
        "manager": st.sampled_from(("conda", "pip")),
        "depends": st.lists(st.sampled_from(SPECS), max_size=3),
        "constrains": st.lists(st.sampled_from(SPECS), max_size=2),
    },
)
BINARY = st.fixed_dictionaries(
    {
        "path": st.sampled_from(
            ("Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd", "x.dll", "msvcp140.dll")
        )
    },
    optional={
        "machine": st.sampled_from(("x86_64", "x86", "arm64", "")),
        "bits": st.sampled_from((0, 32, 64)),
        "imports": st.lists(st.sampled_from(("MSVCP140.dll", "cudart64_110.dll", "python310.dll")), max_size=3),
        "missing": st.lists(st.sampled_from(("MSVCP140_1.dll", "cudnn64_8.dll", "foo.dll")), max_size=2),
        "problem": st.sampled_from(("", "truncated")) | st.none(),
        "version": VERSION,
    },
)
REPORTS = st.fixed_dictionaries(
    {
        "schema_version": st.just(1),
        "platform": st.sampled_from(("linux-64", "win-64", "osx-arm64", "osx-64", "linux-aarch64", "win-32")),
        "packages": st.lists(PACKAGE, max_size=8),
    },
    optional={
        "prefix": st.sampled_from((r"C:\env", "/opt/env", "")),
        "python": st.fixed_dictionaries(
            {},
            optional={
                "version": VERSION,
                "bits": st.sampled_from((0, 32, 64)),
                "machine": st.sampled_from(("x86_64", "arm64")),
            },
        ),
        "requested": st.lists(PACKAGE, max_size=3),
        "virtual_packages": st.dictionaries(st.sampled_from(("__cuda", "__glibc", "__osx")), VERSION, max_size=3),
        "system": st.fixed_dictionaries(
            {},
            optional={
                "os": TEXTS,
                "machine": st.sampled_from(("x86_64", "arm64", "AMD64", "")),
                "cpu_model": st.sampled_from(("Intel Core i7 960", "AMD Ryzen", "")),
                "cpu_features": st.dictionaries(st.sampled_from(("avx", "avx2")), st.booleans()),
                "gpu": st.sampled_from(("NVIDIA GeForce RTX 5090", "GTX 680", "")),
                "cuda_driver": VERSION,
                "cuda_installed": st.lists(VERSION, max_size=2),
                "cudnn_installed": st.lists(VERSION, max_size=2),
                "vc_runtime": st.one_of(st.just("missing"), VERSION),
            },
        ),
        "env_vars": st.dictionaries(
            st.sampled_from(("PATH", "CUDA_PATH", "LD_LIBRARY_PATH", "CONDA_PREFIX", "PYTHONPATH")),
            st.sampled_from((r"C:\env;C:\CUDA\v10.1\bin", "/usr/local/cuda-12.1/lib64:/opt/env/lib", ";;", "")),
        ),
        "binaries": st.lists(BINARY, max_size=3),
        "working_folder": st.lists(st.sampled_from(("tensorflow.py", "numpy", "./keras/", "…")), max_size=2),
        "error_text": st.one_of(
            st.sampled_from(
                (
                    "DLL load failed while importing _pywrap_tfe: The specified module could not be found.",
                    "Could not load dynamic library 'cudart64_110.dll'; dlerror: cudart64_110.dll not found",
                    "Illegal instruction (core dumped)",
                    "AttributeError: module 'numpy' has no attribute 'object'",
                )
            ),
            st.text(max_size=60),
        ),
        "complete": st.booleans(),
    },
)  # fmt: skip


def hold_to_the_contract(found: Diagnosis) -> dict[str, Any]:
    document: dict[str, Any] = found.to_json()
    schema("check").validate(document)
    errors = [f for f in document["findings"] if f["severity"] == "error"]
    assert document["ok"] is (not errors)
    assert all(RULES[f["code"]] == f["name"] for f in document["findings"])
    assert [f["message"] for f in document["findings"] if f["code"] == "TFD902"] == []
    assert [f["message"] for f in document["findings"] if f["message"].endswith("..") or "  " in f["message"]] == []
    return document


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(REPORTS)
@example(
    {
        "schema_version": 1,
        "platform": "win-64",
        "packages": [{"name": "tensorflow", "version": "2..3", "manager": "pip"}],
    }
)
def test_no_report_makes_a_rule_fail(report: dict[str, Any]) -> None:
    schema("report").validate(report)
    hold_to_the_contract(check(report))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=REPORTS)
def test_exit_status_and_document_agree(report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("noise")
    path, out = folder / "report.json", folder / "out.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    with open(out, "w", encoding="utf-8") as stream:
        standard, sys.stdout = sys.stdout, stream
        try:
            status = console(["check", "--report", str(path), "--json"])
        finally:
            sys.stdout = standard
    document = json.loads(out.read_text(encoding="utf-8"))
    schema("check").validate(document)
    assert status == (0 if document["ok"] else 1)


@pytest.mark.parametrize("platform", ["any", "Windows", "linux", "win 64", "-64", "noarch"])
def test_a_platform_that_conda_has_not_is_refused(platform: str) -> None:
    with pytest.raises(UsageError, match="such as win-64"):
        check({"schema_version": 1, "platform": platform, "packages": []})


def test_the_environments_of_this_file_are_reports() -> None:
    for healthy in random.Random(2).sample(every(), 100):
        schema("report").validate(healthy.report)
