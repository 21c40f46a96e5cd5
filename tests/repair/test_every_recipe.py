"""What `create` prints passes our own check without a warning, and pip resolves it.

`python3 dev.py test tests/repair/test_every_recipe.py --long` takes every release and channel, and asks the index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from conda_tf_doctor import versions
from conda_tf_doctor.cli.check import examine
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.findings import INFO
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.recipe import NoRecipeError, Recipe, Wanted, make
from conda_tf_doctor.repair.state import set_variables

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
NAMES = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos")
# What TensorFlow 2.4 to 2.6 ask for and the index has the source of alone: anybody's pip builds it.
OF_SOURCE = ("termcolor==1.1.0", "wrapt==1.12.1", "clang==5.0")
# Of the recipes that pip resolves: a portion takes some minutes.
PORTIONS = 4
# Which wheels pip takes where.
TAGS = {
    "linux-64": [f"manylinux_2_{minor}_x86_64" for minor in (35, 28, 27, 24, 17)]
    + ["manylinux2014_x86_64", "manylinux2010_x86_64"],
    "linux-aarch64": [f"manylinux_2_{minor}_aarch64" for minor in (35, 28, 27, 24, 17)] + ["manylinux2014_aarch64"],
    "osx-64": [f"macosx_{major}_0_{kind}" for major in (14, 13, 12, 11) for kind in ("x86_64", "universal2")]
    + [f"macosx_10_{minor}_x86_64" for minor in (15, 14, 13, 12, 11, 10, 9)] + ["macosx_10_9_universal2"],
    "osx-arm64": [f"macosx_{major}_0_{kind}" for major in (14, 13, 12, 11) for kind in ("arm64", "universal2")]
    + ["macosx_10_9_universal2"],
    "win-64": ["win_amd64"],
}  # fmt: skip


def recipes(platform: str, channels: tuple[str, ...] = ("",), every: bool = False) -> Iterator[Recipe]:
    """Yield the recipes of a platform: of every release, or of the last of each minor from 2.4 on."""
    matrix = load_matrix()
    for channel in channels:
        known = {v for name in NAMES for v in matrix.versions(name, channel or "pypi", platform)}
        stable = sorted((v for v in known if not versions.is_prerelease(v)), key=versions.key)
        last = {versions.minor(v): v for v in stable if versions.key(v) >= versions.key("2.4")}
        for version in stable if every else last.values():
            for variant in ("cpu", "gpu"):
                with suppress(NoRecipeError):
                    yield make(Wanted("mine", platform, f"=={version}", variant, "", channel), matrix)


def complaints(recipe: Recipe, folder: Path) -> list[str]:
    """Return what our own check has against a recipe."""
    file = folder / "environment.yml"
    file.write_text(recipe.to_yaml(), encoding="utf-8")
    findings = examine(read_file(str(file), recipe.wanted.platform), load_matrix(), frozenset()).findings
    return [f"{recipe.build.id} {f.code} {f.message}" for f in findings if f.severity != INFO]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_check_has_nothing_against_a_recipe(platform: str, tmp_path: Path) -> None:
    made = list(recipes(platform))
    assert len(made) > 10
    assert [text for recipe in made for text in complaints(recipe, tmp_path)] == []


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_check_has_nothing_against_any_recipe(platform: str, tmp_path: Path) -> None:
    made = {recipe.to_yaml(): recipe for recipe in recipes(platform, ("", "conda-forge", "defaults"), every=True)}
    assert [text for recipe in made.values() for text in complaints(recipe, tmp_path)] == []


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A pip that resolves by metadata alone (older ones get every wheel of a dry run), with wheels of sources."""
    folder = tmp_path_factory.mktemp("pip")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")), "-m", "pip"]
    subprocess.run([*command, "install", "-q", "--upgrade", "pip", "uv"], check=True)
    pure = {**os.environ, "WRAPT_INSTALL_EXTENSIONS": "false"}
    subprocess.run(
        [*command, "wheel", "-q", "--no-deps", "-w", str(folder / "wheels"), *OF_SOURCE], check=True, env=pure
    )
    return [*command, "install", "--find-links", str(folder / "wheels")]


def resolved_by_uv(pip: list[str], platform: str, python: str, requirements: Sequence[str]) -> bool:
    """Tell whether uv, beside a pip, resolves requirements by wheels alone."""
    name = {"linux-64": "x86_64-manylinux_2_28", "linux-aarch64": "aarch64-manylinux_2_28"}.get(platform) or {
        "win-64": "x86_64-pc-windows-msvc", "osx-64": "x86_64-apple-darwin", "osx-arm64": "aarch64-apple-darwin",
    }[platform]  # fmt: skip
    command = [
        pip[0], "-m", "uv", "pip", "compile", "-q", *pip[4:], "--only-binary", ":all:", "--python-version", python,
        "--python-platform", name, "-",
    ]  # fmt: skip
    done = subprocess.run(command, input="\n".join(requirements), capture_output=True, text=True, check=False)
    return done.returncode == 0


@pytest.mark.long
@pytest.mark.network
@pytest.mark.parametrize("portion", range(PORTIONS))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_pip_resolves_a_recipe(platform: str, portion: int, pip: list[str], tmp_path: Path) -> None:
    """A dry run for the platform and Python of each recipe, of every release from 2.4, with wheels alone."""
    failed, seen = [], {}
    for recipe in recipes(platform, every=True):
        python = recipe.conda[0].partition("=")[2]
        if versions.key(recipe.build.tensorflow) < versions.key("2.4"):
            continue
        # What stands in conda's part, pip finds installed there.
        if len(recipe.conda) > 1 and any(spec.startswith("h5py") for spec in recipe.conda):
            continue
        if recipe.pip:
            seen[(python, *recipe.pip)] = recipe
    assert len(seen) > 20
    for (python, *requirements), recipe in list(seen.items())[portion::PORTIONS]:
        tags = [word for tag in TAGS[platform] for word in ("--platform", tag)]
        command = [
            *pip, "--dry-run", "--quiet", "--only-binary", ":all:", "--target", str(tmp_path),
            "--python-version", python, "--implementation", "cp", *tags, *requirements,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # pip evaluates markers for the Python that runs it; uv does for the one that is asked for.
        if done.returncode and not resolved_by_uv(pip, platform, python, requirements):
            failed.append((recipe.build.id, python, requirements, done.stderr.strip().splitlines()[-1]))
    assert not failed


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert console(["create", "mine", "--platform", "linux-64", "--dry-run", *words]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        # A build that finds conda's CUDA by itself comes before a wheel that has to be told.
        ("2.12", ["  - tensorflow=2.12.1=cuda112*", "      - nvidia-cuda-nvcc-cu11==11.8.89"]),
        ("2.13.0", [
            "# export LD_LIBRARY_PATH=$CONDA_PREFIX/lib",
            "# export XLA_FLAGS=--xla_gpu_cuda_data_dir=$CONDA_PREFIX/lib/python3.11/site-packages/nvidia/cuda_nvcc",
            "  - cudatoolkit=11.8",
            "      - nvidia-cuda-nvcc-cu11==11.8.89",
            "      - tensorflow==2.13.0",
        ]),
    ],
    ids=["conda", "wheel"],
)  # fmt: skip
def test_cuda_11_comes_with_what_makes_it_found(
    version: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [line for line in printed(capsys, "--tensorflow", version, "--gpu") if line in lines] == lines


def test_variables_are_set_beside_those_that_are_there(tmp_path: Path) -> None:
    state = tmp_path / "conda-meta" / "state"
    state.parent.mkdir()
    state.write_text('{"env_vars": {"MINE": "1"}, "version": 1}', encoding="utf-8")
    set_variables(str(tmp_path), [("LD_LIBRARY_PATH", "$CONDA_PREFIX/lib")])
    expected = {"env_vars": {"MINE": "1", "LD_LIBRARY_PATH": f"{tmp_path}/lib"}, "version": 1}
    assert json.loads(state.read_text(encoding="utf-8")) == expected


def test_a_range_with_holes_is_not_said_to_be_whole(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--channel", "defaults", "--platform", "linux-64", "--tensorflow", "2.15", "--dry-run"]
    assert console(["create", "mine", *words, "--gpu"]) == 1
    said = capsys.readouterr().err
    assert "there are GPU builds of TensorFlow 1.8 to 2.2, 2.4 to 2.6, 2.8 to 2.12 and 2.17 to 2.21." in said
