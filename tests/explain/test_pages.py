from __future__ import annotations

import os
import re

import pytest

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.explain.pages import FOLDER, plain, read_page, render_page
from tools.rule_index import INDEX, index

HEADINGS = ("What", "Why it breaks", "How it is established", "How to fix")


@pytest.mark.parametrize("code", RULES)
def test_every_rule_has_a_page(code: str) -> None:
    page = read_page(code)
    assert page.code == code
    assert page.name == RULES[code]
    assert tuple(heading for heading, _ in page.sections) == HEADINGS
    for heading, text in page.sections:
        assert len(text.split()) >= 10, f"{heading} says too little"
        assert text.count("```") % 2 == 0


def test_no_page_without_a_rule() -> None:
    assert {name.removesuffix(".md") for name in os.listdir(FOLDER)} == set(RULES)


def test_no_two_pages_say_the_same() -> None:
    texts = [text for code in RULES for _, text in read_page(code).sections]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("code", RULES)
def test_a_page_fits_a_terminal(code: str) -> None:
    text = render_page(read_page(code), width=88)
    assert text.startswith(f"{code} {RULES[code]}\n")
    assert "```" not in text
    assert "`" not in text
    assert max(map(len, text.split("\n"))) <= 100


def test_commands_are_not_wrapped() -> None:
    command = "conda install " + " ".join(f"package{number}" for number in range(20))
    assert plain(f"Type\n\n```shell\n{command}\n```\n\nand wait.") == f"Type\n\n    {command}\n\nand wait."


def test_the_index_in_the_documentation_is_made_from_the_pages() -> None:
    assert INDEX.read_text(encoding="utf-8") == index(), "run: python3 dev.py index"
    row = r"^\| \[(TFD\d+)\]\(\.\./conda_tf_doctor/explain/pages/\1\.md\) \| ([a-z0-9-]+) \| .{15,} \|$"
    assert dict(re.findall(row, index(), re.M)) == RULES
