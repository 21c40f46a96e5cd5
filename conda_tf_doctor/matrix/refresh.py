"""Looks up releases newer than the matrix and writes down what can be established of them, for a person to review.

Run it as ``python -m conda_tf_doctor.matrix.refresh``. Which Pythons there are wheels for, the declared requirements,
the NVIDIA wheels and what is a mere stub are read from the index; with ``--binaries`` the wheels are downloaded and the
imported runtime DLLs and CUDA's version are read from them. All else is taken over from the release before, and the row
says so.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import zipfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

from ..binaries.read import read_image
from ..errors import UsageError
from ..names import normalise
from ..versions import is_prerelease, key
from .compiled import DATA
from .index import Wheel, download, versions, wheel
from .load import load_matrix
from .matrix import Matrix
from .model import BUILD, STUB, Build

REVIEW = os.path.join(DATA, "review.yaml")
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "tensorflow": ("win-64", "win-arm64", "linux-64", "linux-aarch64", "osx-64", "osx-arm64"),
    "tensorflow-cpu": ("win-64", "linux-64", "linux-aarch64", "osx-64", "osx-arm64"),
    "tensorflow-gpu": ("win-64", "linux-64"),
    "tensorflow-intel": ("win-64",),
    "tensorflow-macos": ("osx-64", "osx-arm64"),
    "tensorflow-metal": ("osx-64", "osx-arm64"),
    "tensorflow-directml": ("win-64", "linux-64"),
    "tensorflow-directml-plugin": ("win-64", "linux-64"),
}
# What the index does not tell and one release has from the next.
_TAKEN_OVER = (
    "variant", "variant_name", "gpu_functional", "cuda_loads", "driver", "libraries", "compute_capabilities",
    "vc_runtime", "vc_basis", "vc_toolset", "vc_dlls", "preloads", "mtx_in_situ", "avx", "for_tensorflow",
)  # fmt: skip
_MARKERS = {
    "win": {"platform_system": "Windows", "sys_platform": "win32", "os_name": "nt"},
    "linux": {"platform_system": "Linux", "sys_platform": "linux", "os_name": "posix"},
    "osx": {"platform_system": "Darwin", "sys_platform": "darwin", "os_name": "posix"},
}
_MACHINES = {
    "win-64": "AMD64", "win-arm64": "ARM64", "linux-64": "x86_64", "linux-aarch64": "aarch64", "osx-64": "x86_64",
    "osx-arm64": "arm64",
}  # fmt: skip
_CARRIERS = ("tensorflow", "tensorflow-intel", "tensorflow-cpu-aws", "tensorflow-macos")

Row = dict[str, Any]


def pythons(matrix: Matrix) -> list[str]:
    """Return the minors worth asking for: those of the newest release, and the next two."""
    newest = matrix.versions("tensorflow")[-1]
    known = {minor for build in matrix.builds("tensorflow", newest, "pypi") for minor in build.python}
    numbers = sorted(int(minor.split(".")[1]) for minor in known)
    return [f"3.{number}" for number in range(numbers[0], numbers[-1] + 3)]


def offered(distribution: str, minors: list[str]) -> dict[tuple[str, str], set[str]]:
    """Return the versions that the index has for each platform and Python."""
    pairs = [(platform, minor) for platform in DISTRIBUTIONS[distribution] for minor in minors]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda pair: versions(distribution, [pair[0]], pair[1]), pairs)
        return dict(zip(pairs, found, strict=True))


def newer(matrix: Matrix, distribution: str, found: Iterable[set[str]]) -> list[str]:
    """Return the versions of a distribution that the index has and the matrix has not, oldest first.

    Only what is newer than the newest one known counts: nobody goes back to complete a release of years ago, and the
    index still has files that were never meant for these platforms.
    """
    newest = max((key(build.tensorflow) for build in matrix.builds(distribution, channel="pypi")), default=key("0"))
    return sorted((version for version in set().union(*found) if key(version) > newest), key=key)


def wheels(distribution: str, version: str, found: dict[tuple[str, str], set[str]]) -> list[Wheel]:
    """Return every wheel of a release.

    One wheel's metadata is read for each platform: the Pythons differ in their tags alone, and asking for metadata
    makes older pips download the whole wheel.
    """
    made: list[Wheel] = []
    for platform in DISTRIBUTIONS[distribution]:
        minors = [minor for (its, minor), has in found.items() if its == platform and version in has]
        one = wheel(distribution, version, platform, minors[-1]) if minors else None
        if one is not None:
            made += [one._replace(python=minor) for minor in minors]
    return made


def requirements(found: Iterable[Wheel], platform: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return what a platform's wheels require: always, under a condition, and by the ``and-cuda`` extra."""
    from packaging.requirements import Requirement

    found = list(found)
    system = {**_MARKERS[platform.split("-")[0]], "platform_machine": _MACHINES[platform]}
    holds: dict[tuple[str, str], set[str]] = {}
    conditions: dict[tuple[str, str], str] = {}
    nvidia: dict[str, None] = {}
    for one in found:
        for text in one.requires:
            required = Requirement(text)
            marker, name = required.marker, normalise(required.name)
            env = {**system, "python_version": one.python, "python_full_version": f"{one.python}.0", "extra": ""}
            spec = _written(str(required.specifier))
            if marker is None or marker.evaluate(env):
                holds.setdefault((name, spec), set()).add(one.python)
                conditions[name, spec] = str(marker or "")
            elif name.startswith("nvidia-") and marker.evaluate({**env, "extra": "and-cuda"}):
                nvidia[f"{name}{spec}"] = None
    everywhere = {one.python for one in found}
    always = {name: spec for (name, spec), where in holds.items() if where == everywhere}
    sometimes = {
        name: f"{spec} ; {conditions[name, spec]}".replace('"', "'")
        for (name, spec), where in holds.items()
        if where != everywhere and name not in always
    }
    return always, sometimes, list(nvidia)


def _written(spec: str) -> str:
    """Return a specifier set with its lower bound first, as people write it."""
    order = {">=": 0, "==": 0, "~=": 0, ">": 1, "<": 2, "<=": 2, "!=": 3}
    terms = [term.strip() for term in spec.split(",") if term.strip()]
    return ",".join(sorted(terms, key=lambda term: (order.get(re.match(r"[<>=!~]*", term)[0], 4), term)))  # type: ignore[index]


def _span(minors: list[str]) -> str:
    numbers = [int(minor.split(".")[1]) for minor in minors]
    whole = len(minors) > 1 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{minors[0]}-{minors[-1]}" if whole else ", ".join(minors)


def _floor(file: str) -> Row:
    """Return the oldest system that a wheel's tags admit."""
    glibc = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", file)]
    macos = re.search(r"macosx_(\d+)_(\d+)_", file)
    return {
        **({"glibc": f"2.{min(glibc)}"} if glibc else {}),
        **({"macos": f"{macos[1]}.{macos[2]}"} if macos else {}),
    }


def _cuda(nvidia: list[str]) -> Row:
    """Return CUDA and cuDNN as the NVIDIA wheels of the ``and-cuda`` extra say them."""
    row: Row = {}
    for pin in nvidia:
        runtime = re.match(r"nvidia-cuda-runtime(?:-cu(\d+))?[=>~]+(\d+)\.(\d+)", pin)
        if runtime:
            row["cuda_built"] = f"{runtime[2]}.{runtime[3]}"
            row["cuda"] = f">={row['cuda_built']},<{int(runtime[2]) + 1}"
        cudnn = re.match(r"nvidia-cudnn(?:-cu\d+)?[=>~]+(\d+)\.(\d+)", pin)
        if cudnn:
            row["cudnn_built"] = f"{cudnn[1]}.{cudnn[2]}"
            row["cudnn"] = f">={row['cudnn_built']},<{int(cudnn[1]) + 1}"
    return row


def _before(matrix: Matrix, distribution: str, version: str, platform: str) -> Build | None:
    """Return the build of the release before, a final one where there is one."""
    found = [
        build
        for build in matrix.builds(distribution, channel="pypi", platform=platform)
        if build.kind not in (STUB, "empty") and build.platform == platform and key(build.tensorflow) < key(version)
    ]
    final = [build for build in found if not build.prerelease]
    return max(final or found, key=lambda build: key(build.tensorflow), default=None)


def row(matrix: Matrix, distribution: str, version: str, platform: str, found: list[Wheel]) -> Row:
    """Return the row of a release on a platform."""
    always, sometimes, nvidia = requirements(found, platform)
    carrier = next(
        (name for name in _CARRIERS if name != distribution and always.get(name, "") in (f"=={version}", version)), ""
    )
    made: Row = {"platform": platform, "python": _span([one.python for one in found]), **_floor(found[-1].file)}
    before = _before(matrix, distribution, version, platform)
    if carrier:
        always.pop(carrier)
        made.update(kind=STUB, stub_for=f"{carrier}=={version}")
    elif before is None:
        made["notes"] = "nothing is known of an earlier build for this platform"
    else:
        taken = {name: getattr(before, name) for name in _TAKEN_OVER}
        defaults = Build._field_defaults
        taken = {name: value for name, value in taken.items() if value != defaults[name]}
        if before.kind != BUILD:
            made["kind"] = before.kind
        made.update({name: list(value) if isinstance(value, tuple) else value for name, value in taken.items()})
        if before.variant == "gpu" and before.cuda:
            cuda = _cuda(nvidia)
            made.update(
                cuda or {name: getattr(before, name) for name in ("cuda", "cuda_built", "cudnn", "cudnn_built")}
            )
        if taken:
            made["notes"] = f"as in {before.tensorflow}, not read: {', '.join(taken)}"
    if nvidia and platform.startswith("linux") and not carrier:
        made["nvidia"] = nvidia
    if always:
        made["requires"] = always
    if sometimes:
        made["requires_if"] = sometimes
    return made


def read_binaries(distribution: str, version: str, one: Wheel) -> Row:
    """Download a wheel and return what its files say: imported runtime DLLs, CUDA and cuDNN.

    Raises:
        UsageError: pip could not download it.
    """
    read: Row = {}
    with tempfile.TemporaryDirectory() as folder:
        download(distribution, version, one.platform, one.python, folder)
        (name,) = os.listdir(folder)
        imports: set[str] = set()
        with zipfile.ZipFile(os.path.join(folder, name)) as archive:
            for member in archive.namelist():
                if member.endswith("platform/build_info.py"):
                    read.update(_build_info(archive.read(member).decode("utf-8", "replace")))
                elif one.platform.startswith("win") and member.endswith((".pyd", ".dll")):
                    image = read_image(archive.extract(member, folder))
                    imports |= {imported.name.lower() for imported in image.imports}
    runtime = sorted(dll for dll in imports if re.match(r"(msvcp|vcruntime|concrt|vcomp)140", dll))
    if runtime:
        read["vc_dlls"] = runtime
    return read


def _build_info(text: str) -> Row:
    def value(name: str) -> str:
        found = re.search(rf"['\"]{name}['\"]\s*[:,]\s*\(?['\"]([^'\"]*)['\"]", text)
        return found[1] if found else ""

    read: Row = {}
    is_cuda = re.search(r"is_cuda_build['\"]\s*[:,]\s*(True|False)", text)
    if is_cuda:
        read["variant"] = "gpu" if is_cuda[1] == "True" else "cpu"
    cuda = re.match(r"\d+\.\d+", value("cuda_version"))
    if cuda:
        read["cuda_built"] = cuda[0]
        read["cuda"] = f">={cuda[0]},<{int(cuda[0].split('.')[0]) + 1}"
    return read


def review_text(groups: Sequence[Row], previous: str = "") -> str:
    """Return the review file with new groups at its end."""
    from ruamel.yaml import YAML

    head = (
        "# Rows that refresh-matrix wrote down. Look at each, correct it, move it to the file of its distribution\n"
        "# without `review`, and delete it here.\n"
        "schema_version: 1\nkind: builds\nchannel: pypi\nreview: true\n"
        'source: "metadata of the {distribution} {version} wheels"\ngroups:\n'
    )
    yaml = YAML()
    yaml.width, yaml.default_flow_style = 112, False
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump({"groups": list(groups)}, stream)
    return (previous or head).rstrip("\n") + "\n" + stream.getvalue().partition("\n")[2]


def look_up(args: Namespace) -> list[Row]:
    """Return a group for every new release.

    Raises:
        UsageError: pip could not ask its index.
    """
    matrix = load_matrix()
    minors = pythons(matrix)
    groups: list[Row] = []
    for distribution in args.distribution or DISTRIBUTIONS:
        has = offered(distribution, minors)
        for version in newer(matrix, distribution, has.values()):
            if is_prerelease(version) and not args.pre:
                print(f"{distribution} {version}: a pre-release, left out (--pre takes it)")
                continue
            found = wheels(distribution, version, has)
            builds = []
            for platform in dict.fromkeys(one.platform for one in found):
                its = [one for one in found if one.platform == platform]
                made = row(matrix, distribution, version, platform, its)
                if args.binaries and "stub_for" not in made:
                    read = read_binaries(distribution, version, its[-1])
                    made.update(read)
                    made["notes"] = re.sub(rf"\b({'|'.join(read) or '-'})(, |$)", "", made.get("notes", "")).rstrip(
                        ", "
                    )
                builds.append(made)
            print(f"{distribution} {version}: {', '.join(made['platform'] for made in builds)}")
            declared = {"requires_python": found[0].requires_python} if found and found[0].requires_python else {}
            groups.append({"distribution": distribution, "versions": {version: None}, **declared, "builds": builds})
    return [group for group in groups if group["builds"]]


def main(argv: Sequence[str] | None = None) -> int:
    """Look up, write the review file, and say what a person has to do; return the exit status."""
    parser = ArgumentParser(prog="refresh-matrix", description="Write down releases that are newer than the matrix.")
    parser.add_argument("--pre", action="store_true", help="take pre-releases, too")
    parser.add_argument("--binaries", action="store_true", help="download the wheels and read their binaries")
    parser.add_argument(
        "--distribution", action="append", choices=list(DISTRIBUTIONS), help="only this one; repeatable"
    )
    parser.add_argument("-o", "--output", default=REVIEW, help="where to write (default: the matrix's own review file)")
    parser.add_argument("-d", "--dry-run", action="store_true", help="print the rows instead of writing them")
    args = parser.parse_args(argv)
    try:
        groups = look_up(args)
        if not groups:
            print("The matrix has every release that the index has.")
            return 0
        previous = ""
        if os.path.exists(args.output):
            with open(args.output, encoding="utf-8") as file:
                previous = file.read()
        text = review_text(groups, previous)
        if args.dry_run:
            print(text)
            return 0
        from .compiled import write_text

        write_text(args.output, text)
        load_matrix()  # so that what does not fit the schema is told now
    except UsageError as error:
        print(f"refresh-matrix: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {args.output}: review the rows and move them to the file of their distribution.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
