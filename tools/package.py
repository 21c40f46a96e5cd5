"""Builds what is released (sdist, wheel, the conda package), and has a real conda install and run it.

rattler-build runs the recipe as a feedstock would. The channel that it solves from is made here, of what the
workshop has installed: an interpreter, and each distribution with the files and the needs that its own metadata tells.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import world
from tools.registry_conda import ensure_conda
from tools.workshop import CACHE, ROOT, WorkshopError, ended, ensure_publish, say

DIST = CACHE / "package" / "dist"
# rattler-build's scripts, and shebangs, do not quote: a blank or an apostrophe in the path is not theirs to bear.
PLAIN = re.fullmatch(r"[\w./-]+", str(CACHE)) is not None
FOLDER = CACHE / "package" if PLAIN else Path("/var/tmp", f"conda-tf-doctor-package-{os.getpid()}")
CHANNEL = FOLDER / "channel"
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
BUILD = """
import sys
from pathlib import Path
from rattler_build import build_recipes
recipe, channel, output = sys.argv[1:]
build_recipes([recipe], channel=[Path(channel).as_uri()], output_dir=output, test="native", package_format="conda:1")
"""

# As conda calls them.
NAMES = {"ruamel-yaml": "ruamel.yaml", "ruamel-yaml-clib": "ruamel.yaml.clib"}

# A link: its target. Anything else is a file's bytes.
Payload = dict[str, "bytes | str"]


def _write(record: dict[str, Any], payload: Payload, scripts: Sequence[str] = ()) -> None:
    """Write one package of the channel, with what conda needs to link it."""
    paths = []
    for path, content in sorted(payload.items()):
        data = payload[str(Path(path).parent / content)] if isinstance(content, str) else content
        assert isinstance(data, bytes)
        kind = "softlink" if isinstance(content, str) else "hardlink"
        digest = hashlib.sha256(data).hexdigest()
        paths.append({"_path": path, "path_type": kind, "sha256": digest, "size_in_bytes": len(data)})
    record = {"build": "0", "build_number": 0, "license": "", "subdir": "noarch", "timestamp": 1700000000000, **record}
    info: Payload = {
        "info/index.json": json.dumps(record).encode(),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
        "info/files": "".join(f"{path}\n" for path in sorted(payload)).encode(),
    }
    if record.get("noarch") == "python":
        link = {"noarch": {"type": "python", "entry_points": list(scripts)}, "package_metadata_version": 1}
        info["info/link.json"] = json.dumps(link).encode()
    file = CHANNEL / record["subdir"] / f"{record['name']}-{record['version']}-0.tar.bz2"
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:bz2", compresslevel=1) as archive:
        for path, content in {**info, **payload}.items():
            member = tarfile.TarInfo(path)
            member.mtime, member.mode = 1700000000, 0o755
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    data = file.read_bytes()
    hashes = {name: hashlib.new(name, data).hexdigest() for name in ("md5", "sha256")}
    entry = {**record, "size": len(data), **hashes}
    _index(record["subdir"], file.name, entry)


def _index(subdir: str, name: str, entry: dict[str, Any]) -> None:
    place = CHANNEL / subdir / "repodata.json"
    known: dict[str, Any] = {"info": {"subdir": subdir}, "packages": {}}
    if place.is_file():
        known = json.loads(place.read_text("utf-8"))
    section = "packages.conda" if name.endswith(".conda") else "packages"
    known.setdefault("packages.conda", {})
    known[section][name] = entry
    place.parent.mkdir(parents=True, exist_ok=True)
    for each in (place, place.with_name("current_repodata.json")):
        each.write_text(json.dumps(known), encoding="utf-8")


def _python() -> None:
    """Package the interpreter that runs this, as `venv --copies` would lay it out."""
    real = Path(os.path.realpath(sys.executable))
    payload: Payload = {
        f"bin/python{MINOR}": real.read_bytes(),
        "bin/python3": f"python{MINOR}",
        "bin/python": f"python{MINOR}",
        "pyvenv.cfg": f"home = {real.parent}\ninclude-system-site-packages = false\n".encode(),
    }
    version = ".".join(map(str, sys.version_info[:3]))
    _write({"name": "python", "version": version, "depends": [], "subdir": subdir()}, payload)


def subdir() -> str:
    """Return conda's name for this machine."""
    from conda_tf_doctor.subdirs import this_platform

    return this_platform()


def _called(name: str) -> str:
    return NAMES.get(canonicalize_name(name), canonicalize_name(name))


def _distributions(python: Path, names: Iterable[str], done: set[str]) -> None:
    """Package distributions that an interpreter has installed, with all that they need."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    have = {canonicalize_name(each.metadata["Name"]): each for each in metadata.distributions(path=[str(site)])}
    waiting = [canonicalize_name(name) for name in names]
    if lacking := [name for name in waiting if name not in have]:
        raise WorkshopError(f"{python} has no {', '.join(lacking)}, which the channel of the recipe is made of")
    while waiting:
        name = waiting.pop()
        if name in done or name not in have:
            continue
        done.add(name)
        found = have[name]
        needs = [Requirement(text) for text in found.requires or ()]
        needs = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        waiting += [canonicalize_name(need.name) for need in needs]
        payload: Payload = {}
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            # What lies elsewhere (`../../../bin/pip`) conda makes itself, of the entry points.
            if ".." not in path.parts and path.is_relative_to(site) and path.is_file() and path.suffix != ".pyc":
                payload[f"site-packages/{path.relative_to(site)}"] = path.read_bytes()
        scripts = [f"{e.name} = {e.value}" for e in found.entry_points if e.group == "console_scripts"]
        depends = ["python", *(f"{_called(need.name)} {need.specifier}".strip() for need in needs)]
        record = {"name": _called(name), "version": found.version, "noarch": "python", "depends": depends}
        _write(record, payload, scripts)


def _conda(python: Path, needs: Iterable[str]) -> None:
    """Package the conda that the workshop made: it lies there without metadata of its own."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    files = [path for path in (site / "conda").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    payload: Payload = {f"site-packages/{path.relative_to(site)}": path.read_bytes() for path in files}
    version = subprocess.run([python, "-m", "conda", "--version"], capture_output=True, text=True, check=True)
    record = {"name": "conda", "version": version.stdout.split()[-1], "noarch": "python"}
    _write({**record, "depends": ["python", *needs]}, payload, ["conda = conda.cli.main:main"])


def make_channel() -> None:
    """Make the channel that stands for conda-forge."""
    from tools.registry_conda import REQUIREMENTS

    shutil.rmtree(CHANNEL, ignore_errors=True)
    conda = ensure_conda()
    _python()
    done: set[str] = {"conda-tf-doctor"}
    needs = [_called(Requirement(each).name) for each in REQUIREMENTS]
    ours = [Requirement(each) for each in metadata.requires("conda-tf-doctor") or ()]
    own = [each.name for each in ours if each.marker is None or each.marker.evaluate({"extra": ""})]
    _distributions(conda, [*needs, *own, "pip"], done)
    _distributions(ensure_publish(), ["hatchling", "shtab", "tomli"], done)
    _distributions(Path(sys.executable), ["pyelftools"], done)
    _conda(conda, needs)


def _run(words: Sequence[object], what: str, cwd: Path = FOLDER, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env={**world.for_setup(CACHE, str(words[0])), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    if done.returncode:
        raise WorkshopError(f"{what} failed (exit status {done.returncode}):\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def main(argv: Sequence[str]) -> int:
    """Build and try everything; return 0 where it ran."""
    start = time.monotonic()

    def told(what: str) -> None:
        say(f"{time.monotonic() - start:5.0f} s  {what}")

    publish, conda = ensure_publish(), ensure_conda()
    shutil.rmtree(DIST, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    _run([publish, "-m", "hatchling", "build", "-d", DIST], "building wheel and sdist", ROOT)
    told("wheel and sdist: " + ", ".join(sorted(path.name for path in DIST.iterdir())))
    make_channel()
    told("a channel of what the package needs")
    output = FOLDER / "output"
    shutil.rmtree(output, ignore_errors=True)
    _run([publish, "-c", BUILD, ROOT / "recipe" / "recipe.yaml", CHANNEL, output], "rattler-build")
    (built,) = (output / "noarch").glob("*.conda")
    shutil.copy(built, DIST)
    told(f"{built.name}, built by the recipe, its tests passed")
    for name, entry in json.loads((output / "noarch" / "repodata.json").read_text("utf-8"))["packages.conda"].items():
        _index("noarch", name, entry)
    shutil.copy(built, CHANNEL / "noarch")
    _try(conda, told)
    return 0


def _try(conda: Path, told: Any) -> None:
    """Have a real conda install the package into an environment that has a conda, and call it there by both doors."""
    prefix = FOLDER / "installed"
    shutil.rmtree(prefix, ignore_errors=True)
    options = ["--override-channels", "-c", CHANNEL.as_uri(), "--offline", "-y", "-q", "--solver", "classic"]
    packages = {"CONDA_PKGS_DIRS": str(FOLDER / "pkgs"), "CONDA_SAFETY_CHECKS": "enabled"}
    _run([conda, "-m", "conda", "create", "-p", prefix, *options, "conda-tf-doctor"], "conda create", env=packages)
    (prefix / ".condarc").write_text("sat_solver: pysat\n", encoding="utf-8")
    for words in (["bin/conda-tf-doctor"], ["bin/python", "-m", "conda", "tf-doctor"]):
        said = _run([prefix / words[0], *words[1:], "-p", prefix], " ".join(words))
        if "There is no TensorFlow here" not in said:
            raise WorkshopError(f"{' '.join(words)} said:\n{said}")
    for place in ("man/man1/conda-tf-doctor.1", "bash-completion/completions/conda-tf-doctor"):
        if not (prefix / "share" / place).is_file():
            raise WorkshopError(f"the package has no share/{place}")
    told(f"installed by conda into {prefix}; both doors run there")


if __name__ == "__main__":
    status = ended(lambda: main(sys.argv[1:]))
    if not PLAIN:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(status)
