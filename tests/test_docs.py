"""The documentation: every command in it is run, or at least understood; what is shown is what it prints."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from conda_tf_doctor.cli.parser import VERBS
from tools.examples import Example, agrees, examples, inside, make_world, pages, run
from tools.workshop import ROOT

ALL = [example for path in pages() for example in examples(path)]
OURS = [example for example in ALL if example.is_ours]
# Commands of others: what they do is not ours to print. Those of the workshop are what runs these tests.
OTHERS = (
    "conda install", "python -m pip install", "python3 dev.py", "py dev.py", "pre-commit",
)  # fmt: skip


def named(example: Example) -> str:
    return f"{example.path.name}:{example.line}"


@pytest.mark.parametrize("path", sorted({each.path for each in OURS if each.shown}), ids=lambda path: path.name)
def test_commands_print_what_the_page_shows(path: Path, tmp_path: Path) -> None:
    variables = make_world(tmp_path)
    differ = []
    for example in (each for each in OURS if each.shown and each.path == path):
        with inside(tmp_path, variables):
            _, output = run(example.command, tmp_path)
        if not agrees(example, output):
            differ.append(f"{named(example)} $ {example.command}\n{output}")
    assert not differ, "`python3 dev.py index` writes it anew:\n" + "\n".join(differ)


# What the commands of a page that shows no output find here: no binaries, and no repair that could be taken back.
REFUSED = {"dlls": "binaries", "--undo": "There is nothing to undo"}


def test_commands_without_their_output_run_too(tmp_path: Path) -> None:
    variables = make_world(tmp_path)
    active = {**variables, "CONDA_PREFIX": str(tmp_path / "envs" / "numpy-2"), "PATH": os.defpath}
    wrong = []
    for example in (each for each in OURS if not each.shown):
        with inside(tmp_path, active):
            status, output = run(example.command, tmp_path)
        refused = next((said for word, said in REFUSED.items() if word in example.command.split()), "")
        applied = "--apply" in example.command  # there is no Python in the environment to do it with
        if (status != 2 or refused not in output) if refused else status != int(applied):
            wrong.append(f"{named(example)} $ {example.command} (exit status {status})\n{output}")
    assert wrong == []


def test_every_other_command_is_a_known_one() -> None:
    unknown = [
        f"{named(each)} {each.command}" for each in ALL if not each.is_ours and not each.command.startswith(OTHERS)
    ]
    assert not unknown


def test_there_are_examples_of_every_command() -> None:
    assert len(OURS) > 25
    told = " ".join(each.command for each in OURS)
    assert [verb for verb in VERBS if f"tf-doctor {verb}" not in told] == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", path.read_text(encoding="utf-8")):
        if ":" not in target:
            made = ("commands.md", "settings.md")
            assert target in made or (path.parent / target).exists() or (ROOT / target).exists(), target
