"""Writes down what the index has of TensorFlow: one file for each release, and the table of its neighbours' wheels.

Run it as ``python3 dev.py refresh-matrix``. A release that is there already is written anew where the index has other
wheels of it than the file; what a person established stays. For a new one that part is taken over from the release
before, and marked to be looked at. With ``--binaries`` the wheels are read, too: the imports of the DLLs, and what
``build_info.py`` says. The wheels of add-ons that are new are read in any case, beside TensorFlow's.
"""

from __future__ import annotations

import re
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version
from ruamel.yaml import YAML

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.compiled import DATA, RELEASES
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.model import canonical
from tools import pairs, wheel_table
from tools.package_index import PLATFORMS, File, Index
from tools.release_file import Wheels, ordered, second_part, span, text, together

FOLDER = Path(DATA, RELEASES)
# Two of these are no TensorFlow: each of their releases has a file of its own.
DISTRIBUTIONS = (
    "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-directml",
    "tensorflow-metal", "tensorflow-directml-plugin",
)  # fmt: skip
PLUGINS = ("tensorflow-metal", "tensorflow-directml-plugin")
_CUDA_DLL = re.compile(r"(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn)64_\d+\.dll", re.IGNORECASE)
_RUNTIME = re.compile(r"(msvcp|vcruntime|concrt|vcomp)140", re.IGNORECASE)
# Blocks that name where the facts of one release are from.
_ABOUT_THE_OLD = ("tested", "build-info")

Facts = dict[str, Any]


class Release:
    """One release as the index has it.

    Args:
        version: As PEP 440 normalises it.
        plugin: The distribution, for what is no TensorFlow.
    """

    def __init__(self, version: str, plugin: str = "") -> None:
        self.version, self.plugin = version, plugin
        self.files: dict[str, list[File]] = {}
        self.wheels: Wheels = {}

    @property
    def key(self) -> tuple[str, str]:
        """What tells one release from another, however it is spelled."""
        return self.plugin, canonical(self.version)

    def add(self, distribution: str, files: Sequence[File]) -> None:
        """Take over a distribution's files."""
        platforms: dict[str, Facts] = {}
        for platform in PLATFORMS:
            fitting = [file for file in files if platform in {its for its, _, _ in file.coverage()}]
            minors = {
                minor for file in fitting for its, minor, later in file.coverage() if its == platform and not later
            }
            if minors:
                platforms[platform] = {"python": span(sorted(minors, key=Version)), **floor(fitting)}
                self.files[f"{distribution}/{platform}"] = sorted(fitting, key=_newest_python)
        if not platforms:
            platforms["noarch"] = {}
            self.files[f"{distribution}/noarch"] = list(files)
        self.wheels[distribution] = {"date": min(file.date for file in files), "platforms": platforms}


def _newest_python(file: File) -> Version:
    return max(Version(minor) for _, minor, _ in file.coverage())


def floor(files: Iterable[File]) -> Facts:
    """Return the oldest system that the tags of a platform's wheels admit; manylinux1 promises more than it keeps."""
    glibc, macos = set(), set()
    for file in files:
        tags = [tag.platform for tag in file.tags]
        named = {"manylinux2014": 17, "manylinux2010": 12}
        found = [number for tag in tags for name, number in named.items() if tag.startswith(name)]
        found += [int(matched[1]) for tag in tags if (matched := re.match(r"manylinux_2_(\d+)_", tag))]
        glibc |= {min(found)} if found else set()
        macos |= {(int(m[1]), int(m[2])) for tag in tags if (m := re.match(r"macosx_(\d+)_(\d+)_", tag))}
    return {
        **({"glibc": f"2.{max(glibc)}"} if glibc else {}),
        **({"macos": ".".join(map(str, max(macos)))} if macos else {}),
    }


def releases(index: Index) -> dict[tuple[str, str], Release]:
    """Return every release that the index has."""
    found: dict[tuple[str, str], Release] = {}
    for distribution in DISTRIBUTIONS:
        of_version: dict[str, list[File]] = {}
        for file in index.files(distribution):
            if not file.yanked:
                of_version.setdefault(file.version, []).append(file)
        for version, files in of_version.items():
            release = Release(version, distribution if distribution in PLUGINS else "")
            found.setdefault(release.key, release).add(distribution, [f for f in files if f.tags] or files)
    return found


def known() -> dict[tuple[str, str], Path]:
    """Return the files that are there."""
    found: dict[tuple[str, str], Path] = {}
    for path in FOLDER.glob("*.yaml"):
        plugin = next((name for name in PLUGINS if re.fullmatch(re.escape(name) + r"-\d.*", path.stem)), "")
        found[plugin, canonical(path.stem.removeprefix(f"{plugin}-"))] = path
    return found


def required(index: Index, release: Release) -> list[Facts]:
    """Return what the wheels of a release declare; those of one platform differ in their tags alone."""
    declared: dict[str, Facts] = {}
    for name, files in release.files.items():
        if files[-1].tags:
            metadata = index.metadata(files[-1])
            python = metadata["Requires-Python"]
            packages = ordered(metadata.get_all("Requires-Dist") or ())
            declared[name] = {**({"python": python} if python else {}), "packages": packages}
    return together(declared, release.wheels)


def read(index: Index, release: Release) -> list[Facts]:
    """Return what the files in the wheels say; the wheels for Windows are downloaded whole for it."""
    found: dict[str, Facts] = {}
    for name, files in release.files.items():
        platform = name.partition("/")[2]
        if platform == "linux-64":
            found[name] = build_info(index.members(files[-1], r"platform/build_info\.py$"))
        elif platform == "win-64":
            with tempfile.TemporaryDirectory() as folder:
                found[name] = windows(index.download(files[-1], Path(folder)))
    return together({name: facts for name, facts in found.items() if facts}, release.wheels)


def build_info(members: Mapping[str, bytes]) -> Facts:
    """Return what TensorFlow's ``build_info.py`` says of CUDA and of the DLLs that are loaded by name first."""
    import ast

    source = next(iter(members.values()), b"").decode("utf-8", "replace")
    said: Facts = {}
    for node in ast.walk(ast.parse(source)):
        pairs: Iterable[tuple[Any, Any]] = ()
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            pairs = [(node.elts[0], node.elts[1])]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs = [(ast.Constant(node.targets[0].id), node.value)]
        for name, value in pairs:
            if isinstance(name, ast.Constant) and isinstance(value, (ast.Constant, ast.List)):
                said[str(name.value)] = ast.literal_eval(value)
    facts: Facts = {}
    if "is_cuda_build" in said:
        facts["cuda_build"] = bool(said["is_cuda_build"])
    for name in ("cuda_version", "cudnn_version"):
        if facts.get("cuda_build") and said.get(name):
            facts[name] = str(said[name])
    if said.get("cuda_compute_capabilities") and facts.get("cuda_build"):
        facts["compute_capabilities"] = said["cuda_compute_capabilities"]
    if said.get("msvcp_dll_names"):
        facts["preloads"] = said["msvcp_dll_names"].split(",")
    return facts


def windows(wheel: Path) -> Facts:
    """Return what the binaries of a wheel for Windows import."""
    import zipfile

    from conda_tf_doctor.binaries.read import read_image

    imports: set[str] = set()
    mutex = False
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        facts = build_info({name: archive.read(name) for name in names if name.endswith("platform/build_info.py")})
        facts = {name: fact for name, fact in facts.items() if name in ("cuda_build", "preloads")}
        for name in names:
            if name.endswith((".pyd", ".dll")):
                path = archive.extract(name, wheel.parent)
                for imported in read_image(path).imports:
                    imports.add(imported.name.lower())
                    mutex |= "_Mtx_init_in_situ" in imported.symbols
                Path(path).unlink()
    runtime = sorted(dll for dll in imports if _RUNTIME.match(dll))
    cuda = sorted(dll for dll in imports if _CUDA_DLL.fullmatch(dll))
    more = {"vc_dlls": runtime, "cuda_dlls": cuda, **({"mtx_in_situ": mutex} if runtime else {})}
    return facts | {name: fact for name, fact in more.items() if fact not in ([], None)}


def taken_over(release: Release, sections: Mapping[str, Any], before: Path | None) -> list[Facts]:
    """Return what is known of the release before, for a person to look at.

    Args:
        release: The new release.
        sections: What was read of it.
        before: The file of the release before.
    """
    old = YAML(typ="safe").load(before.read_text(encoding="utf-8")) if before is not None else {}
    read_now = {name: entry for entry in sections.get("read", ()) for name in _wheels_of(entry, release.wheels)}
    requires = {name: entry for entry in sections["requires"] for name in _wheels_of(entry, release.wheels)}
    entries: dict[str, Facts] = {}
    for name in release.files:
        facts: Facts = {}
        use: list[str] = []
        for entry in [*old.get("read", ()), *old.get("builds", ())]:
            if name in _wheels_of(entry, old.get("wheels", {})):
                kept = entry.get("facts", {})
                facts |= {key: fact for key, fact in entry.items() if key in ("compute_capabilities", "mtx_in_situ")}
                facts |= {key: fact for key, fact in kept.items() if key not in ("glibc", "macos", "source", "review")}
                use += [block for block in entry.get("use", ()) if block not in _ABOUT_THE_OLD]
        facts |= _cuda(requires.get(name, {}).get("packages", ())) if facts.get("cuda_built") else {}
        facts = {key: fact for key, fact in facts.items() if key not in read_now.get(name, {})}
        if use or facts or not old:
            said = f"as in {old['release']}, not established anew" if old else "nothing is known of an earlier release"
            noted = re.sub(r"^as in [^;]*(; )?", "", facts.pop("notes", ""))
            notes = "; ".join(filter(None, (said, noted)))
            entries[name] = {**({"use": use} if use else {}), "facts": {**facts, "notes": notes, "review": True}}
    return together(entries, release.wheels)


def _wheels_of(entry: Mapping[str, Any], wheels: Wheels) -> set[str]:
    names = (f"{distribution}/{platform}" for distribution, its in wheels.items() for platform in its["platforms"])
    return {name for name in names if {name, name.partition("/")[0]} & set(entry["of"])}


def _cuda(packages: Iterable[str]) -> Facts:
    """Return CUDA and cuDNN as the NVIDIA wheels of the ``and-cuda`` extra say them."""
    facts: Facts = {}
    for pin in packages:
        matched = re.match(r"nvidia-(cuda-runtime|cudnn)(?:-cu\d+)?[=>~]+(\d+)\.(\d+)", pin)
        if matched:
            name = "cudnn" if matched[1] == "cudnn" else "cuda"
            facts[f"{name}_built"] = f"{matched[2]}.{matched[3]}"
            facts[name] = f">={facts[f'{name}_built']},<{int(matched[2]) + 1}"
    return facts


def _before(release: Release, there: Mapping[tuple[str, str], Path]) -> Path | None:
    """Return the file of the release before, of a final one where there is one."""
    older = [
        (Version(path.stem.removeprefix(f"{plugin}-")), path)
        for (plugin, _), path in there.items()
        if plugin == release.plugin and Version(path.stem.removeprefix(f"{plugin}-")) < Version(release.version)
    ]
    final = [entry for entry in older if not entry[0].is_prerelease]
    return max(final or older, default=(None, None))[1]


def written(index: Index, release: Release, there: Mapping[tuple[str, str], Path], binaries: bool) -> tuple[Path, str]:
    """Return the file of a release and the text it is to have.

    Raises:
        UsageError: The index does not tell.
    """
    path = there.get(release.key)
    previous = path.read_text(encoding="utf-8") if path else ""
    old = YAML(typ="safe").load(previous) if path else {}
    sections: Facts = {"wheels": release.wheels, "requires": required(index, release)}
    sections["read"] = read(index, release) if binaries else old.get("read", ())
    if not path:
        sections["builds"] = taken_over(release, sections, _before(release, there))
    name = str(old.get("release", release.version))
    stem = f"{release.plugin}-{name}" if release.plugin else name
    return path or FOLDER / f"{stem}.yaml", text(name, sections, second_part(previous), release.plugin)


def refresh(index: Index, again: Iterable[str], pre: bool, binaries: bool, dry_run: bool) -> None:
    """Write every release that is new, or of which the index has other wheels than its file.

    Args:
        index: The index.
        again: Releases that are read anew in any case.
        pre: Whether new pre-releases are taken, too.
        binaries: Whether the wheels are downloaded and read.
        dry_run: Print instead of writing.

    Raises:
        UsageError: The index does not tell.
    """
    there = known()
    wanted = {canonical(version) for version in again}
    for key, release in sorted(releases(index).items(), key=lambda item: Version(item[1].version)):
        path = there.get(key)
        wheels = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["wheels"] if path else None
        if wheels == release.wheels and key[1] not in wanted:
            continue
        name = f"{release.plugin or 'TensorFlow'} {release.version}"
        if path is None and Version(release.version).is_prerelease and not pre:
            print(f"{name}: a pre-release, left out (--pre takes it)")
            continue
        target, content = written(index, release, there, binaries)
        if dry_run:
            print(content)
            continue
        target.write_text(content, encoding="utf-8")
        print(f"{name}: wrote {target.name}" + ("" if path else "; look at what is marked `review` in it"))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files of the releases and the table of wheels; return the exit status."""
    parser = ArgumentParser(prog="refresh-matrix", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pre", action="store_true", help="take new pre-releases, too")
    parser.add_argument("--binaries", action="store_true", help="read the wheels' binaries as well; downloads them")
    parser.add_argument("--again", action="append", default=[], metavar="RELEASE", help="read a release anew")
    parser.add_argument("-d", "--dry-run", action="store_true", help="print the files instead of writing them")
    args = parser.parse_args(argv)
    index = Index()
    try:
        refresh(index, args.again, args.pre, args.binaries, args.dry_run)
        # What does not fit the schema is told now.
        matrix = load_matrix()
        if not args.dry_run:
            wheel_table.write(index, matrix)
            pairs.update(pairs.newer(pairs.read_facts(), load_matrix()))
    except UsageError as error:
        print(f"refresh-matrix: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
