"""The conda recipe and pyproject.toml describe one package."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from conda_tf_doctor import __version__

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

ROOT = Path(__file__).parent.parent
RECIPE = YAML(typ="safe").load((ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def specs(section: str) -> dict[str, SpecifierSet]:
    found = (Requirement(text.replace(" ", "")) for text in RECIPE["requirements"][section])
    return {requirement.name: requirement.specifier for requirement in found}


@pytest.mark.parametrize("text", PROJECT["dependencies"], ids=lambda text: Requirement(text).name)
def test_the_recipe_asks_for_what_the_wheel_asks_for(text: str) -> None:
    wanted = Requirement(text)
    ours = specs("run")[wanted.name]
    # noarch: no environment marker, so it may ask for more, never for less.
    assert all(floor.version in wanted.specifier for floor in ours), f"{ours} admits less than {wanted.specifier}"
    if wanted.marker is None:
        assert ours == wanted.specifier


def test_the_recipe_adds_conda_and_nothing_else() -> None:
    declared = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert set(specs("run")) - declared == {"conda", "python"}


def test_version_python_licence_and_commands_are_the_same() -> None:
    assert RECIPE["context"]["version"] == __version__
    assert specs("run")["python"] == specs("host")["python"] == SpecifierSet(PROJECT["requires-python"])
    assert RECIPE["about"]["license"] == PROJECT["license"]
    commands = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    assert RECIPE["build"]["python"]["entry_points"] == commands


def test_what_builds_the_wheel_is_in_the_host_environment() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    builds = tomllib.loads(text)["build-system"]["requires"]
    assert {Requirement(need).name for need in builds} <= set(specs("host"))
