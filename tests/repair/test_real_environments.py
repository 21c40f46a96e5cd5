"""Real TensorFlow, really broken, repaired, run, and taken back.

`python3 dev.py test tests/repair/test_real_environments.py --long` breaks fifty environments, each of one of eight
bases that pip makes of the index's wheels (5 GB while it runs, an hour on two cores; `-k 3.11` takes one Python's, and
`TF_DOCTOR_TABLE=FILE` appends a line of JSON for each). Bases are shared by hard links: nothing is written in place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from tools.index_wheels import cache

# What each base, by its Python and TensorFlow, consists of besides what pip brings with TensorFlow: neighbours that a
# repair must not break.
BASES = {
    "3.9 with 2.8": ["tensorflow-cpu==2.8.4", "numpy==1.23.5", "pandas==1.5.3", "scipy==1.10.1", "protobuf<3.20"],
    "3.9 with 2.9": ["tensorflow-cpu==2.9.1", "numpy==1.23.5", "pandas==1.5.3", "scipy==1.10.1"],
    "3.10 with 2.12": ["tensorflow-cpu==2.12.1", "numpy==1.23.5", "pandas==2.0.3", "scipy==1.11.4", "protobuf<4.25"],
    "3.11 with 2.15": ["tensorflow-cpu==2.15.1", "numpy==1.26.4", "pandas==2.2.3", "scipy==1.12.0"],
    "3.12 with 2.16": ["tensorflow-cpu==2.16.2", "numpy==1.26.4", "pandas==2.2.3", "scipy==1.14.1"],
    "3.12 with 2.18": ["tensorflow-cpu==2.18.1", "numpy==1.26.4", "pandas==2.2.3", "scipy==1.14.1", "protobuf<5.29"],
    "3.13 with 2.20": ["tensorflow-cpu==2.20.0", "numpy==2.2.6", "pandas==2.2.3", "scipy==1.15.3"],
    "3.13 with 2.21": ["tensorflow-cpu==2.21.0", "numpy==2.2.6", "pandas==2.3.3", "scipy==1.16.3"],
}
NEIGHBOURS = ("pandas", "scipy.sparse", "requests")

Break = Callable[["World"], None]
# What is broken: a world, or a conda prefix.
Broken = TypeVar("Broken")


class World(NamedTuple):
    """An environment that is being broken."""

    prefix: Path

    @property
    def site(self) -> Path:
        return next(self.prefix.glob("lib/python*/site-packages"))

    def pip(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(self.prefix / "bin" / "python"), "-m", "pip", *words]
        return subprocess.run(command, check=check, capture_output=True, text=True, env=environ())

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        python = str(self.prefix / "bin" / "python")
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, env=environ())


def _home() -> Path:
    """Return the user's own folder: the tests' world has another one."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMDRIVE", "C:") + "/Users", os.environ.get("USERNAME", ""))
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def python_of(minor: str) -> str:
    """Return a Python of a minor version: of PATH, or of pyenv."""
    home = Path(os.environ.get("PYENV_ROOT") or _home() / ".pyenv")
    found = [shutil.which(f"python{minor}"), *map(str, home.glob(f"versions/{minor}.*/bin/python{minor}"))]
    for command in filter(None, found):
        if subprocess.run([command, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return command
    raise LookupError(f"There is no Python {minor} here, neither on PATH nor of pyenv.")


def environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CONDA", "PYTHON"))}
    # pip keeps what it got once: the wheels are of hundreds of megabytes.
    kept["PIP_CACHE_DIR"] = str(cache() / "pip")
    # Python compiles what it imports; TensorFlow's other thousands of modules would take half of the time.
    kept["PIP_NO_COMPILE"] = "1"
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "CUDA_VISIBLE_DEVICES": ""}


def put(*requirements: str) -> Break:
    def broken(world: World) -> None:
        world.pip("install", "-q", "--no-deps", *requirements)

    return broken


def gone(*patterns: str) -> Break:
    """Files and folders below site-packages that somebody took away; each pattern finds some."""

    def broken(world: World) -> None:
        for pattern in patterns:
            found = list(world.site.glob(pattern))
            assert found, pattern
            for full in found:
                shutil.rmtree(full) if full.is_dir() else full.unlink()

    return broken


def cut(path: str, share: float) -> Break:
    """A file that ends too soon, as after a full disk or at the hands of an antivirus."""

    def broken(world: World) -> None:
        full = world.site / path
        data = full.read_bytes()
        full.unlink()  # it is linked to the base's
        full.write_bytes(data[: int(len(data) * share)])

    return broken


def without(*names: str) -> Break:
    def broken(world: World) -> None:
        world.pip("uninstall", "-q", "--yes", *names)

    return broken


def note_down(row: dict[str, Any]) -> None:
    """Add what was seen of an environment to the table, where one is asked for."""
    if os.environ.get("TF_DOCTOR_TABLE"):
        with open(os.environ["TF_DOCTOR_TABLE"], "a", encoding="utf-8") as table:
            table.write(json.dumps(row) + "\n")


def all_of(*breaks: Callable[[Broken], None]) -> Callable[[Broken], None]:
    def broken(where: Broken) -> None:
        for each in breaks:
            each(where)

    return broken


EVERYWHERE: dict[str, Break] = {
    "module deleted": gone("tensorflow/python/framework/dtypes.py"),
    "module emptied": cut("tensorflow/python/framework/ops.py", 0),
    "library cut off": cut("tensorflow/python/_pywrap_tensorflow_internal.so", 0.5),
    "keras' folder gone": gone("keras"),
    "wrapt emptied": cut("wrapt/__init__.py", 0),
}
BREAKS: dict[str, dict[str, Break]] = {
    "3.9 with 2.8": {
        "numpy 2": put("numpy==2.0.2"),
        "protobuf 4": put("protobuf==4.25.8"),
        "its metadata and a module gone": gone("tensorflow_cpu-*.dist-info", "tensorflow/python/framework/dtypes.py"),
    },
    "3.9 with 2.9": {
        "numpy 2": put("numpy==2.0.2"),
        "protobuf 5": put("protobuf==5.29.5"),
        "keras 2.15 and numpy 2": put("keras==2.15.0", "numpy==2.0.2"),
    },
    "3.10 with 2.12": {
        "numpy 2": put("numpy==2.2.6"),
        "protobuf 3.19": put("protobuf==3.19.6"),
        "h5py without its numpy": put("h5py==3.14.0", "numpy==2.2.6"),
    },
    "3.11 with 2.15": {
        "numpy 2": put("numpy==2.2.6"),
        "protobuf 3.19": put("protobuf==3.19.6"),
        "ml-dtypes and numpy 2": put("ml-dtypes==0.5.3", "numpy==2.2.6"),
    },
    "3.12 with 2.16": {
        "numpy 2": put("numpy==2.2.6"),
        "numpy's metadata and a module gone": gone("numpy-*.dist-info/METADATA", "numpy/core/multiarray.py"),
        "its metadata gone and numpy 2": all_of(put("numpy==2.2.6"), gone("tensorflow_cpu-*.dist-info")),
        "h5py without RECORD and half gone": gone("h5py-*.dist-info/RECORD", "h5py/_hl", "h5py/h5*.so"),
    },
    "3.12 with 2.18": {
        "protobuf 3.19": put("protobuf==3.19.6"),
        "keras 2": put("keras==2.15.0"),
        "absl and gast gone": without("absl-py", "gast"),
    },
    "3.13 with 2.20": {
        "protobuf 4": put("protobuf==4.25.8"),
        "flatbuffers and termcolor gone": without("flatbuffers", "termcolor"),
        "half of two packages": all_of(gone("google/protobuf/message.py"), cut("h5py/__init__.py", 0.3)),
    },
    "3.13 with 2.21": {
        "protobuf 4": put("protobuf==4.25.8"),
        "flatbuffers and gast gone": without("flatbuffers", "gast"),
        "h5py without RECORD and half gone": gone("h5py-*.dist-info/RECORD", "h5py/_hl", "h5py/h5*.so"),
        "numpy's RECORD and a module gone": gone("numpy-*.dist-info/RECORD", "numpy/_core/multiarray.py"),
    },
}
# One base of each Python loses files in all these ways.
LOSING = ("3.9 with 2.9", "3.10 with 2.12", "3.11 with 2.15", "3.12 with 2.18", "3.13 with 2.20")
CASES = [(base, name) for base in BASES for name in (*(EVERYWHERE if base in LOSING else ()), *BREAKS[base])]

USES = """
import tempfile, os
import numpy as np
import tensorflow as tf
assert float(tf.reduce_sum(tf.constant([1.0, 2.0]))) == 3.0
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.ones((4, 2), "float32")
model.fit(x, np.ones(4, "float32"), verbose=0)
with tempfile.TemporaryDirectory() as folder:
    for suffix in (".h5", ".keras"):
        file = os.path.join(folder, "model" + suffix)
        model.save(file)
        loaded = tf.keras.models.load_model(file, compile=False)
        assert np.allclose(model.predict(x, verbose=0), loaded.predict(x, verbose=0))
import {neighbours}
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes each base once; the one before goes, as they are large."""
    made: dict[str, Path] = {}

    def base(name: str) -> Path:
        if name not in made:
            for old in made.values():
                shutil.rmtree(old)
            made.clear()
            prefix = tmp_path_factory.mktemp("base") / "env"
            subprocess.run([python_of(name.split()[0]), "-m", "venv", str(prefix)], check=True)
            world = World(prefix)
            world.pip("install", "-q", "--upgrade", "pip")
            world.pip("install", "-q", *BASES[name], "requests")
            done = world.run(USES.format(neighbours=", ".join(NEIGHBOURS)))
            assert done.returncode == 0, done.stderr
            made[name] = prefix
        return made[name]

    yield base
    for old in made.values():
        shutil.rmtree(old)


def copied(source: Path, target: Path) -> World:
    """Copy an environment by hard links: the files themselves are never written to, but for conda's history."""

    def copy(old: str, new: str) -> None:
        shutil.copy2(old, new) if old.endswith("/conda-meta/history") else os.link(old, new)

    shutil.copytree(source, target, symlinks=True, copy_function=copy)
    return World(target)


def fix(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "conda_tf_doctor", "fix", *words, "--yes", "--json", "-p", str(world.prefix)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ())
    return done.returncode, json.loads(done.stdout)


def difference(one: Path, other: Path) -> list[str]:
    """Return the files that two environments do not share, byte for byte; what Python compiled does not count."""

    def files(root: Path) -> dict[str, Path]:
        found = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {path.relative_to(root).as_posix(): path for path in found if path.name != ".tf-doctor.lock"}

    first, second = files(one), files(other)
    found = set(first) ^ set(second)
    for name in set(first) & set(second):
        same = first[name].stat().st_ino == second[name].stat().st_ino
        if not same and first[name].read_bytes() != second[name].read_bytes():
            found.add(name)
    return sorted(found)


def complaints(world: World) -> set[str]:
    done = world.pip("check", check=False)
    return set(done.stdout.splitlines()) if done.returncode else set()


@pytest.mark.long
@pytest.mark.network
@pytest.mark.parametrize(("base", "name"), CASES, ids=[f"{base}-{name}" for base, name in CASES])
def test_broken_repaired_used_and_taken_back(
    base: str, name: str, bases: Callable[[str], Path], tmp_path: Path
) -> None:
    world = copied(bases(base), tmp_path / "env")
    {**EVERYWHERE, **BREAKS[base]}[name](world)
    uses = USES.format(neighbours=", ".join(NEIGHBOURS))
    copied(world.prefix, tmp_path / "broken")
    row: dict[str, Any] = {"python": base.split()[0], "tensorflow": BASES[base][0], "broken": name}
    row["failed before"] = world.run(uses).returncode != 0
    before = complaints(world)
    begin = time.monotonic()
    status, document = fix(world, "--apply")
    row |= {"status": status, "seconds": round(time.monotonic() - begin, 1), "message": document["message"]}
    row["changes"] = [f"{c['package']} {c['from']} -> {c['to']}" for c in document["changes"]]
    done = world.run(uses)
    row |= {"works": done.returncode == 0, "worse": sorted(complaints(world) - before)}
    undone, _ = fix(world, "--undo")
    row |= {"undone": undone == 0, "left different": difference(world.prefix, tmp_path / "broken")}
    shutil.rmtree(tmp_path / "env")
    shutil.rmtree(tmp_path / "broken")
    note_down(row)
    assert row["failed before"], row
    assert status == 0, row
    assert row["works"], (row, done.stderr[-2000:])
    assert not row["worse"] and row["undone"] and not row["left different"], row
