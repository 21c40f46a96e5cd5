"""Conda's own step, on prefixes that run: packages with the payload of real wheels, broken, repaired, used, taken back.

`python3 dev.py test tests/repair/test_real_prefixes.py --long` takes the first conda and the last (4 GB while it runs,
half an hour; `TF_DOCTOR_TABLE=FILE` appends a line of JSON for each). The channel is the suite's own one; what its
packages of Python 3.11 hold is taken from the index's wheels.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools import condas
from tools.index_wheels import cache, link_or_copy

from .conftest import environ_of, put_python_in, rewrite
from .test_real_environments import (
    NEIGHBOURS,
    USES,
    World,
    all_of,
    complaints,
    copied,
    cut,
    difference,
    environ,
    gone,
    note_down,
    put,
    python_of,
)

MINOR = "3.11"
# Conda's packages, and the wheels that their payload is taken from where the name is another.
PAYLOAD = [
    "absl-py==2.1.0", "grpcio==1.73.1", "h5py==3.10.0", "h5py==3.15.1", "keras==2.15.0",
    "ml_dtypes==0.2.0", "ml_dtypes==0.5.1", "numpy==1.26.4", "numpy==2.2.6", "pandas==2.2.3", "protobuf==4.25.3",
    "scipy==1.13.1", "tensorboard==2.15.2", "tensorflow-base==2.15.0", "tensorflow-estimator==2.15.0",
    "wrapt==1.14.1",
]  # fmt: skip
WHEELS = {"tensorflow-base": "tensorflow-cpu"}
STACK = ["tensorflow=2.15.0=cpu*", "numpy=1.26.4", "pandas=2.2.3", "scipy=1.13.1", "h5py=3.10.0"]
# What the channel leaves out of TensorFlow's dependencies, and neighbours of pip's.
BY_PIP = [
    "astunparse", "certifi", "charset-normalizer", "flatbuffers", "gast<0.6", "google-pasta", "idna", "libclang",
    "opt-einsum", "packaging", "python-dateutil", "pytz", "requests", "setuptools", "six",
    "tensorflow-io-gcs-filesystem", "termcolor", "typing-extensions", "tzdata", "urllib3",
]  # fmt: skip

Break = Callable[["Prefix"], None]


class Prefix(NamedTuple):
    """A conda prefix that is being broken."""

    conda: condas.Conda
    world: World
    wheels: Path

    def doctor(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run the console script beside this conda, as a user of it would: PYTHONPATH leads into no environment."""
        env = environ_of(self.conda) | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri()}
        command = [sys.executable, "-m", "conda_tf_doctor", *words, "--json", "-p", str(self.world.prefix)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, json.loads(done.stdout)


def by_conda(*words: str) -> Break:
    """Have conda put packages in as files, which it does without asking a solver, or take some away by force."""

    def broken(prefix: Prefix) -> None:
        folder, archives = prefix.conda.channels / "conda-forge", []
        for name, _, version in (word.partition("==") for word in words if "==" in word):
            found = [*folder.glob(f"linux-64/{name}-{version}-*"), *folder.glob(f"noarch/{name}-{version}-*")]
            archives += [path.as_uri() for path in found if "py311" in path.name or "py3" not in path.name]
        verb = ["install", *archives] if archives else ["remove", "--force", *words]
        quiet = {"CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled"}
        prefix.conda.run(*verb, "-y", "-q", "-p", prefix.world.prefix, env=quiet, check=True)

    return broken


def on_disk(broken: Callable[[World], None]) -> Break:
    return lambda prefix: broken(prefix.world)


def by_pip(*requirements: str) -> Break:
    return on_disk(put(*requirements))


BREAKS: dict[str, Break] = {
    "numpy 2": by_conda("numpy==2.2.6"),
    "ml_dtypes and numpy 2": by_conda("ml_dtypes==0.5.1", "numpy==2.2.6"),
    "wrapt removed by force": by_conda("wrapt"),
    "absl removed by force": by_conda("absl-py"),
    "module deleted": on_disk(gone("tensorflow/python/framework/dtypes.py")),
    "library cut off": on_disk(cut("tensorflow/python/_pywrap_tensorflow_internal.so", 0.5)),
    "numpy's folder gone": on_disk(gone("numpy")),
    "keras' folder gone": on_disk(gone("keras")),
    "protobuf's folder gone": on_disk(gone("google/protobuf")),
    "h5py emptied": on_disk(cut("h5py/__init__.py", 0)),
    "numpy 2 of pip's over it": by_pip("numpy==2.2.6"),
    "numpy 2 of pip's and a module deleted": all_of(
        by_pip("numpy==2.2.6"), on_disk(gone("tensorflow/python/framework/dtypes.py"))
    ),
}


def content(wheel: Path, site: str, name: str) -> dict[str, bytes]:
    """Return a wheel's files as a conda package has them, under the package's own name."""
    with zipfile.ZipFile(wheel) as archive:
        files = {each: archive.read(each) for each in archive.namelist() if ".data/" not in each and each[-1] != "/"}
    for each, data in files.items():
        if each.endswith(".dist-info/RECORD"):
            # Conda's packages list who installed them as well.
            files[each] = data + f"{each.removesuffix('RECORD')}INSTALLER,,\n".encode()
    carried = WHEELS.get(name)
    if carried:
        old, new = carried.replace("-", "_"), name.removesuffix("-base")
        files = {each.replace(f"{old}-", f"{new}-"): data for each, data in files.items()}
        for each, data in files.items():
            if each.endswith(".dist-info/METADATA"):
                files[each] = data.replace(f"Name: {carried}".encode(), f"Name: {new}".encode(), 1)
            elif each.endswith(".dist-info/RECORD"):
                # Of what was written anew neither hash nor size holds.
                text = re.sub(rf"^{old}-([^/]+/METADATA),.*$", rf"{new}-\1,,", data.decode(), flags=re.M)
                files[each] = text.replace(f"{old}-", f"{new}-").encode()
    return {f"{site}/{each}": data for each, data in files.items()}


@pytest.fixture(scope="module")
def wheels() -> Path:
    """A folder of every wheel that a package's payload, or pip, takes: fetched once."""
    folder = cache() / "payload"
    command = [python_of(MINOR), "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    wanted = [text for text in map(carrier, PAYLOAD) if not list(folder.glob(f"{stem(text)}-*.whl"))]
    for text in (*wanted, *BY_PIP):
        subprocess.run([*command, text], check=True, env=environ())
    return folder


def carrier(text: str) -> str:
    """Return the requirement of the wheel that has a package's payload."""
    name, _, version = text.partition("==")
    return f"{WHEELS.get(name, name)}=={version}"


def stem(requirement: str) -> str:
    """Return how the file name of a wheel begins."""
    return requirement.replace("-", "_").replace("==", "-")


@pytest.fixture(scope="module")
def channels(channel: Path, wheels: Path) -> Path:
    """The suite's channels; what belongs to one Python holds what it should. Made once."""
    root = cache() / f"payload-{channel.name}" / "channels"
    if (root / "complete").is_file():
        return root
    shutil.rmtree(root.parent, ignore_errors=True)
    shutil.copytree(channel, root, copy_function=link_or_copy)
    put_python_in(root, python_of(MINOR), MINOR)
    for text in PAYLOAD:
        name, _, version = text.partition("==")
        (wheel,) = wheels.glob(f"{stem(carrier(text))}-*.whl")
        found = [
            archive
            for folder in ("linux-64", "noarch")
            for archive in (root / "conda-forge" / folder).glob(f"{name}-{version}-*.tar.bz2")
            if folder == "noarch" or ("py311" in archive.name and "cuda" not in archive.name)
        ]
        for archive in found:
            site = "site-packages" if archive.parent.name == "noarch" else f"lib/python{MINOR}/site-packages"
            files = content(wheel, site, name)
            rewrite(archive, files)
            if name == "tensorflow-base":
                # The package above it has the same metadata.
                (above,) = archive.parent.glob(f"tensorflow-{version}-cpu_py311*.tar.bz2")
                rewrite(above, {path: data for path, data in files.items() if "/tensorflow-" in path})
    (root / "complete").touch()
    return root


@pytest.fixture(scope="module", params=[0, -1], ids=["first", "last"])
def base(
    request: pytest.FixtureRequest, channels: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prefix]:
    """A prefix that conda made and that works, of the first conda that there is, and of the last."""
    installation = condas.installations()[request.param]
    solver = "libmamba" if "libmamba" in installation.solvers else "classic"
    root = tmp_path_factory.mktemp("prefixes") / "world"
    conda = condas.Conda(installation, solver, root)
    conda.channels = channels
    conda.write_condarc()
    prefix = Prefix(conda, World(conda.create("whole", f"python={MINOR}", *STACK)), wheels)
    prefix.world.pip("install", "-q", "--no-deps", "--no-index", "--find-links", str(wheels), *BY_PIP)
    done = prefix.world.run(USES.format(neighbours=", ".join(NEIGHBOURS)))
    assert done.returncode == 0, done.stderr
    yield prefix
    shutil.rmtree(root)


@pytest.mark.long
@pytest.mark.network
@pytest.mark.parametrize("name", BREAKS)
def test_what_conda_repairs_works_and_is_taken_back(base: Prefix, name: str, tmp_path: Path) -> None:
    here = base.conda.prefix(tmp_path.name)
    prefix = base._replace(world=copied(base.world.prefix, here))
    BREAKS[name](prefix)
    uses = USES.format(neighbours=", ".join(NEIGHBOURS))
    row: dict[str, Any] = {"conda": f"{base.conda.version} {base.conda.solver}", "broken": name}
    row["failed before"] = prefix.world.run(uses).returncode != 0
    copied(here, tmp_path / "broken")
    before = complaints(prefix.world)
    begin = time.monotonic()
    status, document = prefix.doctor("fix", "--apply", "--yes")
    row |= {"status": status, "seconds": round(time.monotonic() - begin, 1), "message": document["message"]}
    row["changes"] = [f"{c['package']} {c['from']} -> {c['to']} ({c['where']})" for c in document["changes"]]
    done = prefix.world.run(uses)
    row |= {"works": done.returncode == 0, "worse": sorted(complaints(prefix.world) - before)}
    undone, taken = prefix.doctor("fix", "--undo", "--yes")
    row |= {"undone": undone == 0, "left different": difference(here, tmp_path / "broken")}
    shutil.rmtree(here)
    note_down(row)
    assert row["failed before"], row
    assert status == 0, row
    assert row["works"], (row, done.stderr[-2000:])
    assert not row["worse"] and row["undone"] and not row["left different"], (row, taken["message"])
