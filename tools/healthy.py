"""Environments that nothing is wrong with, one for each build and Python of the matrix: no check may find an error.

They are made of what a row and the releases of its packages say, never of what the rules say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from conda_tf_doctor import versions
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import BUILD, EMPTY, PLUGIN, PYPI, Build

RELEASES: dict[str, Any] = YAML(typ="safe").load(
    (Path(__file__).parents[1] / "tests" / "data" / "healthy" / "releases.yaml").read_text(encoding="utf-8")
)
# What Keras 3 itself requires.
_OF_KERAS_3 = {"namex": "0.1.0", "optree": "0.17.0", "dm-tree": "0.1.9", "rich": "14.2.0"}
CORNERS = ("oldest", "newest")
_PATCH = {"2.7": 18, "3.3": 7, "3.4": 10, "3.5": 10, "3.6": 15, "3.7": 16, "3.8": 18, "3.9": 18}
_MACHINES = {"64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}
# The oldest of each system that anybody calls new, and what its owner would report of it.
_SYSTEM: dict[str, dict[str, Any]] = {
    "linux": {"os": "Ubuntu 24.04", "virtual": {"__glibc": "2.39", "__linux": "6.8"}},
    "win": {"os": "Windows 11", "virtual": {"__win": "0"}},
    "osx": {"os": "macOS 15.5", "virtual": {"__osx": "15.5"}},
}
PLATFORMS = ("linux-64", "win-64", "osx-64", "osx-arm64", "linux-aarch64")


class Healthy(NamedTuple):
    """A healthy environment.

    Attributes:
        id: For people.
        row: The build that it is made of.
        report: It as a report.
    """

    id: str
    row: Build
    report: dict[str, Any]


def can_be_healthy(row: Build) -> bool:
    """Tell whether a row is a TensorFlow by itself, of which any Python can have the wheel."""
    return row.kind not in (PLUGIN, EMPTY) and bool(row.python or row.channel != PYPI)


def environments(matrix: Matrix, rows: Sequence[Build]) -> Iterator[Healthy]:
    """Yield the healthy environments of rows: every Python, oldest and newest packages, with and without a GPU."""
    for row in rows:
        if not can_be_healthy(row):
            continue
        for python in row.python or ("",):
            for corner in CORNERS:
                for way, extra in gpu_ways(row, corner):
                    report = _report(matrix, row, python, corner)
                    if report is None:
                        continue
                    _add(report, extra)
                    yield Healthy(f"{row.id}-py{python}-{corner}{'-' if way else ''}{way}", row, report)


def _add(report: dict[str, Any], extra: dict[str, Any]) -> None:
    for field, value in extra.items():
        if isinstance(value, list):
            report[field] = report.get(field, []) + value
        else:
            report[field] = {**report.get(field, {}), **value}


def _report(matrix: Matrix, row: Build, python: str, corner: str) -> dict[str, Any] | None:
    family, _, machine = row.platform.partition("-")
    chosen = packages(matrix, row, python, corner)
    if chosen is None:
        return None
    version = f"{python}.{_PATCH.get(python, 5)}" if python else ""
    report: dict[str, Any] = {
        "schema_version": 1,
        "platform": row.platform,
        "prefix": r"C:\Users\me\miniconda3\envs\tf" if family == "win" else "/home/me/miniconda3/envs/tf",
        "complete": True,
        "packages": [
            *_python_records(row, version),
            *tensorflow_records(matrix, row, python),
            *(_package(row, name, release) for name, release in chosen.items()),
        ],
        "virtual_packages": {"__archspec": "x86_64_v4", **_SYSTEM[family]["virtual"]},
        "system": {
            "os": _SYSTEM[family]["os"],
            "machine": _MACHINES.get(machine, machine),
            "cpu_model": "AMD Ryzen 9 7950X" if machine == "64" else "",
            "cpu_features": {"avx": True, "avx2": True} if machine == "64" else {},
        },
    }
    if version:
        report["python"] = {"version": version, "bits": 64, "machine": _MACHINES.get(machine, machine)}
    if family == "win":
        report["system"]["vc_runtime"] = "14.44.35211"
    return report


def _python_records(row: Build, version: str) -> list[dict[str, Any]]:
    channel = "conda-forge" if row.channel == PYPI else row.channel
    records = [_record("python", version, "h12345_0_cpython", channel)] if version else []
    if row.platform.startswith("win"):
        records.append(_record("vc14_runtime", "14.44.35208", "h818238b_26", channel))
    if row.platform.startswith("linux"):
        records.append(_record("libstdcxx-ng", "15.2.0", "h12345_0", channel))
    return records


def _record(name: str, version: str, build: str, channel: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "build": build, "channel": channel, "manager": "conda", **more}


def _package(row: Build, name: str, version: str) -> dict[str, Any]:
    if row.channel == PYPI:
        return {"name": name, "version": version, "manager": "pip", "channel": "pypi"}
    spelled = {"flatbuffers": "python-flatbuffers"}.get(name, name.replace("-", "_") if name in _UNDERSCORES else name)
    return _record(spelled, version, "py_0", row.channel)


_UNDERSCORES = ("ml-dtypes", "opt-einsum", "typing-extensions")


def tensorflow_records(matrix: Matrix, row: Build, python: str) -> list[dict[str, Any]]:
    """Return TensorFlow itself: a wheel, a stub beside the wheel with the binaries, or conda's records."""
    if row.channel == PYPI:
        found = [_package(row, row.distribution, row.tensorflow)]
        if row.stub_for:
            name, _, version = row.stub_for.partition("==")
            found.append(_package(row, name, version))
        return found
    build = build_string(row, python)
    depends = [f"python {python}.*"] if python else []
    depends += [f"{name} {_conda(spec)}".strip() for name, spec in row.requires.items()]
    depends += [pin for pin in (row.cuda_pin, row.cudnn_pin) if pin]
    names = row.packages or (row.distribution,)
    heavy = "tensorflow-base" if "tensorflow-base" in names else names[0]
    found = []
    for name in names:
        own = depends if name == heavy else [f"{heavy} {row.tensorflow} {build}"]
        found.append(_record(name, row.tensorflow, build, row.channel, depends=own, constrains=[]))
    return found


def _conda(spec: str) -> str:
    return spec.replace("==", "").replace(" ", "")


def build_string(row: Build, python: str) -> str:
    """Return a build string that the row's glob matches (``cuda112py310h`` + a hash)."""
    glob = row.build.split("|")[0]
    tag = python.replace(".", "")
    text = re.sub(r"py\*", f"py{tag}", glob, count=1)
    hashed = row.hashes[0].lstrip("h") if row.hashes else "9f2a1b7"
    return text.replace("h*", f"h{hashed}", 1).replace("*", "0")


def packages(matrix: Matrix, row: Build, python: str, corner: str) -> dict[str, str] | None:
    """Choose a release of everything that a row requires.

    Returns:
        ``None`` where some package has no release within the range for that Python.
    """
    wanted = dict(declared(matrix, row, python))
    chosen: dict[str, str] = {}
    for name, spec in wanted.items():
        fitting = list(releases(matrix, row, name, spec, python))
        if not fitting:
            fitting = [_bound(spec)]  # of what has no list, the version that it names
            if not fitting[0] and spec:
                return None
        chosen[name] = fitting[0] if corner == "oldest" else fitting[-1]
    if row.channel == PYPI and versions.contains(">=3.0.dev0", chosen.get("keras", chosen.get("keras-nightly", "2"))):
        chosen |= _OF_KERAS_3
    return {name: version for name, version in chosen.items() if version}


def declared(matrix: Matrix, row: Build, python: str) -> dict[str, str]:
    """Return what a row requires on one Python, TensorFlow's own names and conda's C++ libraries included."""
    found = row.required(python)
    if row.channel != PYPI:
        found = {name: spec for name, spec in found.items() if not name.startswith("tensorflow-")}
    own = {"tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws"}
    if "tf-estimator-nightly" in found:
        own.add("tensorflow-estimator")
    return {name: spec for name, spec in found.items() if name not in own}


def _bound(spec: str) -> str:
    matched = re.search(r"(?:>=|==|~=)\s*([\w.]+?)(?:\.\*)?(?:,|$|\s)", spec + ",")
    return matched.group(1) if matched else ""


def releases(matrix: Matrix, row: Build, name: str, spec: str, python: str) -> Iterator[str]:
    """Yield the releases of a package, oldest first, that are declared and were seen to work."""
    listed = RELEASES.get(name, ())
    works = " ".join(_works(matrix, row, name, python))
    for version in listed:
        if isinstance(listed, dict) and python and python not in listed[version]:
            continue
        if not versions.contains(spec.split(";")[0], version):
            continue
        if any(not versions.contains(part, version) for part in works.split(" ") if part):
            continue
        yield version


def _works(matrix: Matrix, row: Build, name: str, python: str) -> Iterator[str]:
    if row.channel != PYPI:
        return  # the recipe's own ranges are what was built and run
    minor = versions.minor(row.tensorflow)
    where = {row.platform, row.platform.split("-")[0]}
    for table in ("works", "works_plugins", "works_symbols"):
        for entry in matrix.table(table).get(name, ()):
            if not where & set(entry.get("platform", where)) or row.distribution not in entry.get(
                "distribution", [row.distribution]
            ):
                continue
            if not versions.contains(entry.get("tensorflow", ""), row.tensorflow):
                continue
            if entry.get("python") and not (python and versions.contains(entry["python"], python)):
                continue
            if name == "ml-dtypes" and entry["id"] == "ml-dtypes-numpy":
                continue
            text = (entry.get("works") or "").replace("{minor}", minor)
            if "||" not in text and not any(row.get("with") for row in entry.get("breaks", ())):
                yield text.replace(" ", "")


def gpu_ways(row: Build, corner: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the ways in which a row's GPU is served, and none."""
    if row.kind != BUILD or row.variant != "gpu" or not row.cuda_built:
        return [("", {})]
    driver = {"virtual_packages": {"__cuda": "13.0"}, "system": {"cuda_driver": "580.65", "gpu": _gpu(row.cuda_built)}}
    if row.channel != PYPI:
        return [(f"cuda{cuda}", {"packages": _cuda_records(row, cuda), **driver}) for cuda in _cudas(row)]
    alone: list[tuple[str, dict[str, Any]]] = [] if row.distribution == "tensorflow-gpu" else [("", {})]
    ways = [*alone, ("system", {**driver, "system": {**driver["system"], "cuda_installed": [row.cuda_built]}})]
    if row.cudnn_built:
        ways[-1][1]["system"]["cudnn_installed"] = [row.cudnn_built]
    if row.nvidia:
        wheels = [(re.split("[<>=!~]", pin)[0].strip(), _bound(pin)) for pin in row.nvidia]
        ways.append(("wheels", {"packages": [_package(row, name, version) for name, version in wheels], **driver}))
    if versions.key(row.cuda_built) >= versions.key("8.0"):
        ways.append((f"conda{row.cuda_built}", {"packages": _cuda_records(row, row.cuda_built), **driver}))
    return ways


def _gpu(cuda: str) -> str:
    """Return a GPU of the generation that a CUDA, and what was built with it, knows best."""
    major = versions.release(cuda)[0]
    return "NVIDIA GeForce " + ("GTX 980" if major < 8 else "GTX 1060" if major < 11 else "RTX 3060")


_CUDAS = ("7.5", "8.0", "9.0", "9.1", "9.2", "10.0", "10.1", "10.2", "11.0", "11.1", "11.2", "11.3", "11.4", "11.5",
          "11.6", "11.7", "11.8", "12.0", "12.1", "12.2", "12.3", "12.4", "12.5", "12.6", "12.8", "12.9")  # fmt: skip


_CUDNNS = ("5.1", "6.0.21", "7.0.5", "7.1.4", "7.2.1", "7.3.1", "7.4.2", "7.6.5", "8.0.5.39", "8.1.0.77", "8.2.1.32",
           "8.4.1.50", "8.6.0", "8.9.7.29", "9.3.0.75", "9.10.1.4", "9.13.1.26")  # fmt: skip


def _cudas(row: Build) -> list[str]:
    """Return the boundary versions of the CUDA that a conda build works with."""
    pin = row.cuda_pin.partition(" ")[2]
    fitting = [
        cuda for cuda in _CUDAS if (versions.conda_contains(pin, cuda) if pin else versions.contains(row.cuda, cuda))
    ]
    fitting = fitting or [row.cuda_built]
    return list(dict.fromkeys((fitting[0], row.cuda_built if row.cuda_built in fitting else fitting[0], fitting[-1])))


def _cuda_records(row: Build, cuda: str) -> list[dict[str, Any]]:
    channel = "conda-forge" if row.channel == PYPI else row.channel
    patch = {"11.2": "11.2.2", "11.3": "11.3.1", "10.1": "10.1.243", "10.0": "10.0.130", "9.0": "9.0"}.get(cuda, cuda)
    if versions.release(cuda)[0] >= 12:
        found = [
            _record("cuda-version", cuda, "h0_3", channel),
            _record("cuda-cudart", f"{cuda}.107", "h0_0", channel),
            _record("cuda-nvcc-tools", f"{cuda}.93", "h0_0", channel),
            _record("libcublas", f"{cuda}.5.8", "h0_0", channel),
        ]
    else:
        found = [_record("cudatoolkit", patch, "h0_10", channel)]
    if row.cudnn:
        pin = row.cudnn_pin.partition(" ")[2]
        fitting = [
            version
            for version in _CUDNNS
            if versions.contains(row.cudnn, version) and (not pin or versions.conda_contains(pin, version))
        ]
        found.append(_record("cudnn", fitting[0] if fitting else row.cudnn_built, "h0_0", channel))
        if row.platform.startswith("win"):
            found.append(_record("libzlib-wapi", "1.3.1", "h2466b09_2", channel))
    return found
