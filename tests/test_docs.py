"""The documentation: every command in it is run, or at least understood; what is shown is what it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from conda_tf_doctor.cli.parser import VERBS, parse
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


@pytest.mark.parametrize("example", [each for each in OURS if not each.shown], ids=named)
def test_a_command_is_understood(example: Example) -> None:
    words = shlex.split(re.split(r" (?:\||>|&&) ", example.command.replace("[", "").replace("]", ""))[0])
    program = 2 if words[0] == "conda" else 1
    args = parse(words[program:])
    assert args.verb in (None, *VERBS)


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
