"""The demo: the classic broken environments, made by a real conda, and what the doctor says of each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from conda_tf_doctor.programs import conda_command
from tools.condas import Conda, Installation, installation
from tools.registry_conda import ensure_conda
from tools.wheels import pip_install_tensorflow
from tools.workshop import CACHE, WorkshopError, ended, locked, say

FOLDER = CACHE / "demo"


class Scene(NamedTuple):
    """An environment of the demo.

    Attributes:
        name: The environment's name.
        title: What is wrong with it, in words.
        expected: Codes that have to be among the errors; the first of them must come first. Empty: healthy.
        specs: What conda installs.
        subdir: Platform; empty for Linux, whatever the machine.
        channels: Channels before the usual one.
        pip: What pip leaves afterwards, and how that line reads.
        later: What conda installs after that.
    """

    name: str
    title: str
    expected: tuple[str, ...]
    specs: tuple[str, ...]
    subdir: str = "linux-64"
    channels: tuple[str, ...] = ()
    pip: tuple[str, Callable[[Path], object]] | None = None
    later: tuple[str, ...] = ()


def _tensorflow(version: str, **stack: str) -> tuple[str, Callable[[Path], object]]:
    extra = "".join(f" {name}=={release}" for name, release in stack.items())
    return f"pip install tensorflow=={version}{extra}", lambda p: pip_install_tensorflow(p, version, stack=stack)


SCENES = (
    Scene(
        "python-and-cuda-too-new",
        "TensorFlow 2.10 beside CUDA 11.8 and Python 3.12",
        ("TFD201",),
        ("python=3.10", "cudatoolkit=11.2", "cudnn=8.1"),
        subdir="win-64",
        pip=_tensorflow("2.10.0"),
        # On Windows site-packages has no version in its path: what pip installed for 3.10 stays where 3.12 finds it.
        later=("python=3.12", "cudatoolkit=11.8", "cudnn"),
    ),
    Scene(
        "numpy-2",
        "pip's TensorFlow 2.15 with numpy 2",
        ("TFD603",),
        ("python=3.10",),
        pip=_tensorflow("2.15.0", numpy="2.0.2"),
    ),
    Scene(
        "python-32bit",
        "a 32-bit Python on Windows",
        ("TFD101",),
        ("python=3.10",),
        subdir="win-32",
        channels=("defaults",),
        pip=_tensorflow("2.10.0"),
    ),
    Scene(
        "vc-runtime-old",
        "TensorFlow 2.19 on Windows with a Visual C++ runtime that is too old",
        ("TFD402",),
        ("python=3.11", "vc14_runtime=14.29"),
        subdir="win-64",
        pip=_tensorflow("2.19.0"),
    ),
    Scene(
        "healthy",
        "TensorFlow 2.10 with CUDA 11.2, cuDNN 8.1 and Python 3.10",
        (),
        ("python=3.10", "cudatoolkit=11.2", "cudnn=8.1"),
        pip=_tensorflow("2.10.0"),
    ),
)


def find_conda() -> Installation:
    """Return a conda of this machine (CONDA_EXE, then PATH), or the one that is made from the index.

    Raises:
        WorkshopError: There is none and none can be made.
    """
    for candidate in conda_command(os.environ.get("CONDA_EXE", ""), os.environ.get("PATH", ""))[:1]:
        try:
            found = installation(candidate)
        except WorkshopError as error:
            say(f"{error}; looking on")
            continue
        say(f"conda {found.version} of this machine ({candidate}), with the plugin on its path for this run")
        return found
    found = installation(str(ensure_conda()))
    say(f"conda {found.version}, made from the index, with the plugin installed")
    return found


def play(conda: Conda, scene: Scene) -> str:
    """Make an environment, show what the doctor says, and return what was wrong with that (empty: nothing)."""
    selected = [part for channel in scene.channels for part in ("-c", channel)]
    line = " ".join(["conda create", *(["-n", scene.name, *selected]), *scene.specs])
    platform = f"CONDA_SUBDIR={scene.subdir} "
    print(f"\n# {scene.title}\n$ {platform}{line}")
    prefix = conda.create(scene.name, *scene.specs, subdir=scene.subdir, channels=scene.channels)
    if scene.pip:
        print(f"$ {scene.pip[0]}")
        scene.pip[1](prefix)
    if scene.later:
        print(f"$ {platform}conda install -n {scene.name} {' '.join(scene.later)}")
        off = {"CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled"}
        conda.run("install", "-y", "-n", scene.name, *scene.later, subdir=scene.subdir, env=off, check=True)
    print(f"$ conda tf-doctor -p {prefix.relative_to(Path.cwd()) if prefix.is_relative_to(Path.cwd()) else prefix}")
    # No GPU: what this machine has of CUDA is not part of the scene.
    gpu = {"CONDA_OVERRIDE_CUDA": ""}
    shown = conda.doctor("-p", prefix, env=gpu)
    print(shown.out + shown.err, end="", flush=True)
    data = conda.doctor("-p", prefix, "--json", env=gpu)
    try:
        found = data.json()["findings"]
    except ValueError:
        return f"no JSON document, exit status {data.rc}"
    errors = [finding["code"] for finding in found if finding["severity"] == "error"]
    if (shown.rc, data.rc) != ((1, 1) if scene.expected else (0, 0)):
        return f"exit status {shown.rc}, and {data.rc} with --json; errors: {', '.join(errors) or 'none'}"
    if scene.expected and (not errors or errors[0] != scene.expected[0] or not set(scene.expected) <= set(errors)):
        return f"expected {', '.join(scene.expected)}, found {', '.join(errors)}"
    return ""


def _played(conda: Conda, scene: Scene) -> str:
    """Play a scene; a conda that fails is that scene's problem, and the others are still played."""
    try:
        return play(conda, scene)
    except AssertionError as error:
        return str(error)


def main(argv: Sequence[str]) -> int:
    """Play the scenes named (all without a name); return 1 if one was not told as it should be."""
    unknown = sorted(set(argv) - {scene.name for scene in SCENES})
    if unknown:
        say(f"there is no scene {', '.join(unknown)}; there are: {', '.join(scene.name for scene in SCENES)}")
        return 2
    wanted = [scene for scene in SCENES if not argv or scene.name in argv]
    found = find_conda()
    # Two demos at once would take each other's environments away.
    with locked("demo"):
        shutil.rmtree(FOLDER, ignore_errors=True)
        conda = Conda(found, "classic", FOLDER)
        wrong = {scene.name: _played(conda, scene) for scene in wanted}
    print()
    for scene in wanted:
        code = ", ".join(scene.expected) or "nothing wrong"
        problem = wrong[scene.name]
        print(f"{'FAILED' if problem else 'ok':7} {scene.title}: {problem or code}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
