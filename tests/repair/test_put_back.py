"""What conda had is put in again as it was: packages that are gone, lost files, builds that no channel lists."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import condas
from tools.index_wheels import link_or_copy

from .conftest import SUBDIR, WINDOWS, environ_of, rewrite

# The last of conda's for Windows is that of its defaults.
SITE = "Lib/site-packages" if WINDOWS else "lib/python3.11/site-packages"
CHANNELS = ("pkgs/main", "conda-forge") if WINDOWS else ("conda-forge",)
KERAS = ("pkgs/main/win-64", "2.10.0-py310", SITE) if WINDOWS else ("conda-forge/noarch", "2.15.0", "site-packages")
STACK = (
    ("python=3.10", "tensorflow=2.10.0=eigen*", "numpy=1.26.4", "protobuf=3.20.3", "h5py=3.7.0")
    if WINDOWS
    else ("python=3.11", "tensorflow=2.15.0=cpu*", "numpy=1.26.4", "h5py=3.10.0")
)
BUILD = "py310" if WINDOWS else "py311"
REMOVED = {"keras": "2.10.0", "numpy": "1.26.4"} if WINDOWS else {"wrapt": "1.14.1", "absl-py": "2.1.0"}
QUIET = {"CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled"}


@pytest.fixture
def channels(channel: Path, tmp_path: Path, conda: condas.Conda) -> Path:
    """Channels of the test's own, whose keras holds a module."""
    root = tmp_path / "channels"
    shutil.copytree(channel, root, copy_function=link_or_copy)
    folder, version, site = KERAS
    (archive,) = (root / folder).glob(f"keras-{version}*.tar.bz2")
    rewrite(archive, {f"{site}/keras/__init__.py": b"'whole'\n"})
    conda.channels = root
    # What other tests unpacked is of other channels.
    conda.packages = tmp_path / "pkgs"
    conda.write_condarc(channels=CHANNELS)
    return root


@pytest.fixture
def prefix(conda: condas.Conda, channels: Path) -> Path:
    """TensorFlow as conda has it, with a folder of its own on disk."""
    made = conda.create("mine", *STACK, subdir=SUBDIR)
    (made / SITE / "tensorflow").mkdir()
    return made


def forced(conda: condas.Conda, prefix: Path, name: str, version: str) -> None:
    """Have conda put a package in without asking whether it goes with the others."""
    (archive,) = (conda.channels / "conda-forge" / SUBDIR).glob(f"{name}-{version}-{BUILD}*.tar.bz2")
    conda.run("install", "-y", "-q", "-p", prefix, archive.as_uri(), env=QUIET, check=True, subdir=SUBDIR)


def fix(conda: condas.Conda, prefix: Path, *words: str) -> condas.Result:
    """Run the console script beside a conda: PYTHONPATH, by which some find the plugin, may hold what is missing."""
    command = [sys.executable, "-m", "conda_tf_doctor", "fix", *words, "--yes", "--json", "-p", str(prefix)]
    env = environ_of(conda) | {"CONDA_SUBDIR": SUBDIR}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return condas.Result(done.returncode, done.stdout, done.stderr)


def changes(result: condas.Result) -> list[tuple[str, str | None, str | None]]:
    return [(each["package"], each["from"], each["to"]) for each in result.json()["changes"]]


@pytest.mark.parametrize(("name", "version"), REMOVED.items())
def test_what_was_removed_by_force_comes_back_beside_the_same_tensorflow(
    conda: condas.Conda, prefix: Path, name: str, version: str
) -> None:
    before = conda.records(prefix)
    conda.run("remove", "--force", "-y", "-q", "-p", prefix, name, env=QUIET, check=True, subdir=SUBDIR)
    broken = conda.records(prefix)
    result = fix(conda, prefix, "--apply")
    # A newer one would have conda move TensorFlow, whose record does not admit it.
    assert (result.rc, changes(result)) == (0, [(name, None, version)]), result.out
    assert conda.records(prefix) == before
    assert fix(conda, prefix, "--undo").rc == 0
    assert conda.records(prefix) == broken


def test_a_lost_file_is_put_back_where_conda_would_not_solve_for_it(conda: condas.Conda, prefix: Path) -> None:
    forced(conda, prefix, "numpy", "2.2.6")
    module = prefix / SITE / "keras" / "__init__.py"
    module.unlink()
    result = fix(conda, prefix, "--apply")
    assert result.rc == 0, result.out
    assert sorted(changes(result)) == [("keras", KERAS[1][:6], KERAS[1][:6]), ("numpy", "2.2.6", "1.26.4")]
    assert module.read_text(encoding="utf-8") == "'whole'\n" and conda.records(prefix)["numpy"].split()[0] == "1.26.4"
    assert fix(conda, prefix, "--undo").rc == 0
    assert not module.exists() and conda.records(prefix)["numpy"].split()[0] == "2.2.6"


def test_what_no_channel_lists_any_more_comes_back_from_where_it_was(conda: condas.Conda, prefix: Path) -> None:
    forced(conda, prefix, "numpy", "2.2.6")
    assert fix(conda, prefix, "--apply").rc == 0
    for file in (conda.channels / "conda-forge" / SUBDIR).glob("*repodata.json"):
        document = json.loads(file.read_text(encoding="utf-8"))
        kept = {each: record for each, record in document["packages"].items() if not each.startswith("numpy-2")}
        file.unlink()  # it is linked to the suite's
        file.write_text(json.dumps({**document, "packages": kept}), encoding="utf-8")
    shutil.rmtree(conda.packages / "cache")
    result = fix(conda, prefix, "--undo")
    assert result.rc == 0 and "Everything was taken back" in result.json()["message"], result.out
    assert conda.records(prefix)["numpy"].split()[0] == "2.2.6"
