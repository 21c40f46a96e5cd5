"""Environment files as people write them: what their `pip:` section asks for counts, however it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.shell import quoted
from conda_tf_doctor.subdirs import this_platform
from tests import shells
from tests.guard.worlds import build, installed
from tools.condas import Conda, Result

HEAD = "name: env\nchannels: [conda-forge]\ndependencies:\n"
NO_PIP = "import conda.env.installers.pip as pip; pip.install = lambda *args, **options: None"
COMPILED = """--extra-index-url https://packages.example/simple
tensorflow==2.10.0 \\
    --hash=sha256:0123 \\
    --hash=sha256:4567
"""
# Beside Python 3.12, which no TensorFlow 2.10 is built for.
BROKEN = {
    "compiled requirements": "-r compiled.txt",
    "the long option": "--requirement=compiled.txt",
    "without a space": "-rcompiled.txt",
    "a file that names another": "-r sub/all.txt",
    "constraints": "-c compiled.txt\n    - tensorflow",
    "options on the line": "tensorflow==2.10.* --hash=sha256:0123",
    "a range": "tensorflow>=2.9,<2.11",
    "a compatible release": "tensorflow~=2.10.0",
    "a wheel's address": "https://packages.example/tensorflow-2.10.0-cp310-cp310-manylinux_2_17_x86_64.whl",
    "a name at an address": "tensorflow @ https://packages.example/tensorflow-2.10.0-cp310-cp310-win_amd64.whl",
    "a marker that holds": "tensorflow==2.10.0 ; python_version >= '3.9'",
    "after other things": "-e .\n    - --pre\n    - -r nowhere.txt\n    - -r 'unfinished\n    - tensorflow==2.10",
}
HEALTHY = {
    "a marker that does not hold": ("python=3.12", "tensorflow==2.10.0; sys_platform == 'win32'"),
    "a range with a way out": ("python=3.12", "tensorflow>=2.9"),
    "pip replaces numpy itself": ("python=3.10, numpy=2", "tensorflow>=2.13,<2.16"),
    "a file that is not there": ("python=3.12", "-r nowhere.txt"),
}


def create(python: str, pip: str, run: Callable[..., Result], folder: Path, mode: str) -> Result:
    (folder / "compiled.txt").write_text(COMPILED, encoding="utf-8")
    (folder / "sub").mkdir()
    (folder / "sub" / "all.txt").write_text("-r ../compiled.txt\n", encoding="utf-8")
    file = folder / "environment.yml"
    packages = "".join(f"  - {spec.strip()}\n" for spec in python.split(","))
    file.write_text(f"{HEAD}{packages}  - pip:\n    - {pip}\n", encoding="utf-8")
    return run("env", "create", "-f", file, mode=mode, before=NO_PIP)


@pytest.mark.parametrize("how", BROKEN)
def test_what_pip_cannot_install_is_refused(
    how: str, registry_conda: Conda, registry_run: Callable[..., Result], tmp_path: Path
) -> None:
    result = create("python=3.12", BROKEN[how], registry_run, tmp_path, "block")
    assert result.rc == 1, result
    assert "TFD201" in result.err
    assert "the guard failed" not in result.err
    assert not registry_conda.prefix("env").exists()


@pytest.mark.parametrize("how", HEALTHY)
def test_what_pip_can_install_goes_through(
    how: str, registry_conda: Conda, registry_run: Callable[..., Result], tmp_path: Path
) -> None:
    python, pip = HEALTHY[how]
    result = create(python, pip, registry_run, tmp_path, "block")
    assert result.rc == 0, result
    assert "error:" not in result.err
    assert "the guard failed" not in result.err
    assert installed(registry_conda.prefix("env"))["python"]


# What the file leaves open the solver decides, so that `fix` alone finds nothing wrong with most of these.
REPAIRABLE = {
    "another CUDA asked for": ("python=3.10, cudatoolkit=11.8, cudnn=8.4", "tensorflow==2.10.0"),
    "CUDA and cuDNN left open": ("python=3.10, cudatoolkit, cudnn", "tensorflow==2.10.0"),
    "CUDA that comes with another": ("python=3.10, somepackage", "tensorflow==2.10.0"),
    "no Python, conda's": ("tensorflow=2.10", ""),
    "no Python, pip's": ("pip", "tensorflow==2.10.0"),
    "a range": ("python=3.12", "tensorflow>=2.9,<2.11"),
    "what pip refuses beside it": ("python=3.10", "tensorflow==2.15.0\n    - numpy==2.0.0"),
}


@pytest.mark.parametrize(("how", "subdir"), [*((how, "linux-64") for how in REPAIRABLE), ("a range", "win-64")])
def test_the_command_that_is_named_makes_the_file_work(
    how: str, subdir: str, registry_conda: Conda, registry_run: Callable[..., Result], tmp_path: Path
) -> None:
    """Whatever conda was told to act for, and whether or not it is told again."""
    file = tmp_path / "environment.yml"
    conda, pip = REPAIRABLE[how]
    lines = "".join(f"  - {spec}\n" for spec in conda.split(", ")) + (f"  - pip:\n    - {pip}\n" if pip else "")
    file.write_text(f"name: env\nchannels: [inhouse, conda-forge]\ndependencies:\n{lines}", encoding="utf-8")
    create = ("env", "create", "-f", file)
    refused = registry_run(*create, mode="block", before=NO_PIP, subdir=subdir)
    assert refused.rc == 1, refused
    (command,) = [line for line in refused.err.splitlines() if line.startswith("This would work: conda ")]
    assert ("--platform" in command) == (subdir != this_platform())
    repaired = registry_run(*shells.words(command)[4:], "--yes")
    assert repaired.rc == 0, repaired
    done = registry_run(*create, mode="block", before=NO_PIP, subdir=subdir)
    assert done.rc == 0, done
    assert "error:" not in done.err
    assert installed(registry_conda.prefix("env"))["python"].startswith("3.10")


def test_an_update_from_a_file_names_the_corrected_file(
    registry_conda: Conda, registry_run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    """Not a `conda install`, which would leave the file broken and forget its TensorFlow and `--prune`."""
    make_env("env", "python=3.10", "attrs=23.1")
    file = tmp_path / "environment.yml"
    text = "name: env\nchannels: [conda-forge]\ndependencies: [python=3.10, cudatoolkit=11.8, cudnn]\n"
    file.write_text(text.replace("cudnn]", "cudnn, {pip: [tensorflow==2.10.0]}]"), encoding="utf-8")
    update = ("env", "update", "-f", file, "--prune")
    refused = registry_run(*update, mode="block", before=NO_PIP)
    assert refused.rc == 1, refused
    (command,) = [line for line in refused.err.splitlines() if line.startswith("This would work: conda ")]
    assert f"tf-doctor fix --file {quoted(str(file))} --to cudatoolkit=11.2" in command
    assert registry_run(*shells.words(command)[4:], "--yes").rc == 0
    done = registry_run(*update, mode="block", before=NO_PIP)
    assert done.rc == 0, done
    assert installed(registry_conda.prefix("env"))["cudatoolkit"].startswith("11.2")


PIXI = """
[workspace]
channels = ["conda-forge"]
platforms = ["linux-64"]

[dependencies]
python = "3.10.*"
cudatoolkit = "11.*"
cudnn = "8.1.*"

[pypi-dependencies]
tensorflow = "==2.10.0"
"""


def test_an_environment_of_pixis_is_guarded_and_its_manifest_is_named(
    registry_run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    """What conda itself does to it lasts until pixi makes it anew."""
    prefix = build("pip 2.10 with CUDA", make_env)
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(PIXI, encoding="utf-8")
    told = {"manifest_path": str(manifest), "environment_name": "default"}
    (prefix / "conda-meta" / "pixi").write_text(json.dumps(told), encoding="utf-8")
    refused = registry_run("install", "-n", "env", "cudatoolkit=11.8", "--dry-run", mode="block")
    assert refused.rc == 1, refused
    assert "This would work: conda install -n env cudatoolkit=11.2" in refused.err
    (named,) = re.findall(r"What it is made from is corrected by: conda (.*)", refused.err)
    assert registry_run(*shells.words(named), "--yes").rc == 0
    assert 'cudatoolkit = "11.2.*"' in manifest.read_text(encoding="utf-8")
