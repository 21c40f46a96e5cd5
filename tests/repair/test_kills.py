"""A repair that is killed at any moment, with all that it started: what comes next ends as it would have, or before.

`python3 dev.py test tests/repair/test_kills.py --long` kills two hundred (an hour), sixty of them with conda at work;
`TF_DOCTOR_KILLS=20` as many of each kind, `TF_DOCTOR_SEED` at other moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from conda_tf_doctor.repair import journal
from tools import condas
from tools.index_wheels import link_or_copy

from .conftest import Living, environ_of, put_python_in, rewrite
from .test_apply import beside
from .test_interrupted import KILLER
from .test_kept import tree
from .test_real_environments import python_of
from .test_venv import broken, broken_venv, no_conda, venv

__all__ = ["broken", "broken_venv", "no_conda", "venv"]
NUMBERS = {"venv": 140, "conda": 60}
# A TensorFlow of pip's on packages of conda's, two of which and one of pip's do not go with it.
OF_CONDA = {"numpy": ("2.2.6", "1.26.4"), "protobuf": ("6.31.1", "4.25.3")}
KERAS = ("3.5.0", "2.15.0")


class Scene(NamedTuple):
    """A repair that can be killed.

    Attributes:
        prefix: The environment, broken.
        command: What starts ``fix``.
        env: The variables that it runs with.
        modules: What is imported of it.
        meta: Where its journal is.
    """

    prefix: Path
    command: list[str]
    env: dict[str, str]
    modules: list[str]
    meta: Path

    def fix(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; what a killed one started may outlive it for a moment, and holds the lock until then."""
        for _ in range(1200):
            done = subprocess.run(
                [*self.command, "fix", *words, "-p", str(self.prefix)],
                env=self.env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            if "at work" not in done.stderr:
                break
            time.sleep(0.1)
        return done

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.command, "fix", "--apply", "--yes", "-p", str(self.prefix)], env=self.env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def imported(self) -> str:
        """Return the versions of what is imported, as Python itself finds them."""
        code = f"import {', '.join(self.modules)}\nprint({', '.join(f'{name}.__version__' for name in self.modules)})"
        python = str(self.prefix / "bin" / "python")
        return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout

    def files(self, whole: bool) -> dict[str, str]:
        """Return the hash of every file; of conda's records and what a repair keeps of its own only where asked."""
        own = (journal.HISTORY, journal.NAME, "conda-meta")
        return {path: each for path, each in tree(self.prefix).items() if whole or not path.startswith(own)}

    def recorded(self) -> list[str]:
        return sorted(path.name for path in self.meta.iterdir() if path.suffix in (".json", ".new"))


@pytest.fixture
def on_venv(broken: Path, alive: tuple[str, str]) -> Scene:
    modules = ["tensorflow", "keras", "wrapt", "numpy" if alive[1] in ("3.10", "3.11") else "protobuf"]
    return Scene(broken, [sys.executable, "-m", "conda_tf_doctor"], dict(os.environ), modules, broken)


@pytest.fixture(scope="module")
def channels_with_modules(channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's channels; the packages of conda's that a repair moves hold modules, enough to be killed at."""
    root = tmp_path_factory.mktemp("modules") / "channels"
    shutil.copytree(channel, root, copy_function=link_or_copy)
    put_python_in(root, python_of("3.11"), "3.11")
    for name, each in OF_CONDA.items():
        for version in each:
            (archive,) = (root / "conda-forge" / "linux-64").glob(f"{name}-{version}-py311*.tar.bz2")
            site = f"lib/python3.11/site-packages/{name}"
            files = {f"{site}/part{number}.py": f"of = {version!r}\n".encode() for number in range(300)}
            lines = [f"from {name}.part{number} import of as part{number}" for number in (0, 150, 299)]
            lines += [f"__version__ = {version!r}", "assert {part0, part150, part299} == {__version__}"]
            rewrite(archive, {**files, f"{site}/__init__.py": "\n".join(lines).encode()})
    return root


def on_conda(installation: condas.Installation, channels: Path, root: Path, wheelhouse: Path) -> Scene:
    solver = "libmamba" if "libmamba" in installation.solvers else "classic"
    conda = condas.Conda(installation, solver, root, channels.parent / "pkgs")
    conda.channels = channels
    conda.write_condarc()
    living = Living(conda, "3.11", wheelhouse)
    prefix = living.env("mine", *(f"{name}={before}" for name, (before, _) in OF_CONDA.items()))
    stack = [text for text in beside("2.15.0") if text.split("==")[0] not in (*OF_CONDA, "keras")]
    living.pip(prefix, "tensorflow==2.15.0", *stack, f"keras=={KERAS[0]}")
    env = environ_of(conda) | living.variables
    command = [sys.executable, "-m", "conda_tf_doctor"]
    return Scene(prefix, command, env, ["tensorflow", "keras", *OF_CONDA], prefix / "conda-meta")


def end(process: subprocess.Popen[bytes], with_others: bool) -> None:
    """Kill a process group outright; with all that it started in groups of their own, where asked."""
    found = [process.pid]
    for pid in found if with_others else ():
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(entry.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry.parent.name))
    os.killpg(process.pid, signal.SIGKILL)
    for pid in found[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def killed(scene: Scene, kills: int, record: Callable[[str, object], None]) -> None:
    """Kill repairs of a scene, each at another moment of carrying it out, and hold what comes next to both ends."""
    former, versions_before, records_before = scene.files(True), scene.imported(), scene.recorded()
    # The plan is made once: every run begins where the journal does.
    script = [*scene.command[:1], "-c", KILLER, "1", "fix", "--apply", "--yes", "-p", str(scene.prefix)]
    assert subprocess.run(script, env=scene.env, capture_output=True, check=False).returncode == -signal.SIGKILL
    begun = scene.prefix.with_name("begun")
    shutil.copytree(scene.prefix, begun, symlinks=True)
    begin = time.monotonic()
    done = scene.fix("--apply", "--yes")
    whole = time.monotonic() - begin
    assert done.returncode == 0, done.stdout + done.stderr
    reached, versions_after, records_after = scene.files(False), scene.imported(), scene.recorded()
    assert versions_after != versions_before
    chance = random.Random(int(os.environ.get("TF_DOCTOR_SEED", "7")))
    ends = {"finished": 0, "taken back": 0, "was over": 0}
    for number in range(kills):
        shutil.rmtree(scene.prefix)
        shutil.copytree(begun, scene.prefix, symlinks=True)
        run = scene.start()
        moment = chance.uniform(0, whole)
        time.sleep(moment)
        end(run, with_others=number % 4 > 1)
        over = not (scene.meta / journal.NAME).exists()
        back = number % 2 == 1
        done = scene.fix(*(["--undo"] if back else ["--apply"]), "--yes")
        said = (number, round(moment, 2), done.stdout, done.stderr)
        assert done.returncode == 0, said
        assert not (scene.meta / journal.NAME).exists(), said
        if back:
            assert (scene.imported(), scene.recorded()) == (versions_before, records_before), said
            now = scene.files(True)
            assert {path for path in {*now, *former} if now.get(path) != former.get(path)} == set(), said
        else:
            assert (scene.imported(), scene.recorded()) == (versions_after, records_after), said
            now = scene.files(False)
            assert {path for path in {*now, *reached} if now.get(path) != reached.get(path)} == set(), said
        ends["was over" if over else "taken back" if back else "finished"] += 1
    record("ends", ends)
    assert ends["finished"] and ends["taken back"], ends
    print(kills, "kills:", ends, f"of a repair of {whole:.1f} s")


def share(kind: str, among: int = 1) -> int:
    return int(os.environ.get("TF_DOCTOR_KILLS", NUMBERS[kind] // among))


@pytest.mark.long
def test_of_a_venv(on_venv: Scene, record_property: Callable[[str, object], None]) -> None:
    killed(on_venv, share("venv"), record_property)


@pytest.mark.long
def test_with_conda_at_work(
    channels_with_modules: Path,
    wheelhouse: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    there = condas.installations()
    for number, installation in enumerate(there):
        scene = on_conda(installation, channels_with_modules, tmp_path / f"world{number}", wheelhouse)
        killed(scene, share("conda", len(there)), record_property)
