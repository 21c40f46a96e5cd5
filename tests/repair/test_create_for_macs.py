"""Every recipe of ``create`` for a Mac, resolved out of the index for it; a resolver is told the target.

``python3 dev.py test --long tests/repair/test_create_for_macs.py`` runs them; they need the index, and no Mac.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.names import CONDA_TO_PIP
from conda_tf_doctor.repair.recipe import NoRecipeError, Recipe, Wanted, make
from conda_tf_doctor.versions import key
from tools.package_index import File, Index

TARGETS = {"osx-64": "x86_64-apple-darwin", "osx-arm64": "aarch64-apple-darwin"}
MINORS = [f"2.{number}" for number in range(4, 22)]
# No release of metal goes with these; and TensorFlow has no build of 2.20 and later for Intel.
REFUSED = {
    ("osx-64", "cpu"): {"2.20", "2.21"},
    ("osx-64", "gpu"): {"2.4", "2.14", "2.15", "2.16", "2.17", "2.18", "2.19", "2.20", "2.21"},
    ("osx-arm64", "cpu"): set(),
    ("osx-arm64", "gpu"): {"2.4", "2.20", "2.21"},
}
# A resolver of pip's index that needs no download of wheels to know what they require.
UV = "uv"

pytestmark = [pytest.mark.network, pytest.mark.long, pytest.mark.slow]


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", UV], check=True)
    return folder / "bin" / "uv"


@cache
def _files(name: str) -> list[File]:
    return Index().files(name)


def installable(name: str, version: str, platform: str, python: str) -> bool:
    """Tell whether pip brings a release to a Mac without a compiler: as a wheel, or known to be built without one."""
    for file in _files(name):
        for subdir, minor, later in file.coverage() if key(file.version) == key(version) else ():
            if subdir == platform and (minor == python or (later and key(minor) <= key(python))):
                return True
    known = load_matrix().wheels.releases(name)
    return any(release.builds(python) for release in known if key(release.version) == key(version))


def resolved(recipe: Recipe, uv: Path, folder: Path) -> list[tuple[str, str]]:
    """Return what pip would install by a recipe."""
    python = recipe.conda[0].partition("=")[2]
    # Conda's packages are there before pip comes.
    there = [spec.split("=")[0] for spec in recipe.conda[1:]]
    (folder / "requirements.in").write_text("\n".join(recipe.pip), encoding="utf-8")
    never = "".join(f"{CONDA_TO_PIP.get(name, name)} ; sys_platform == 'none'\n" for name in there)
    (folder / "overrides.txt").write_text(never, encoding="utf-8")
    command: list[str | Path] = [uv, "pip", "compile", "-q", "--no-header", "--no-annotate", "--no-config"]
    command += ["--python-platform", TARGETS[recipe.wanted.platform], "--python-version", python]
    done = subprocess.run(
        [*command, "--overrides", "overrides.txt", "requirements.in"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{recipe.to_yaml()}\n{done.stderr}"
    pins = [line.partition("==") for line in done.stdout.splitlines() if "==" in line]
    return [(name, version.split(" ")[0]) for name, _, version in pins]


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("variant", ["cpu", "gpu"])
@pytest.mark.parametrize("platform", sorted(TARGETS))
def test_a_recipe_resolves_for_its_mac_or_is_refused(
    platform: str, variant: str, minor: str, uv: Path, tmp_path: Path
) -> None:
    wanted = Wanted("mac", platform, f"{minor}.*", variant)
    if minor in REFUSED[platform, variant]:
        with pytest.raises(NoRecipeError):
            make(wanted, load_matrix())
        return
    recipe = make(wanted, load_matrix())
    if not recipe.pip:
        assert (variant, recipe.build.channel) == ("cpu", "conda-forge")
        return
    python = recipe.conda[0].partition("=")[2]
    pins = resolved(recipe, uv, tmp_path)
    assert recipe.pip[0].split("==")[0] in dict(pins)
    assert not [pin for pin in pins if not installable(*pin, platform, python)]
    assert (variant == "gpu") == ("tensorflow-metal" in dict(pins))
