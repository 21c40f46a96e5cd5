"""The page of a rule: what it is, why it breaks, how it was established, how to fix it.

Its last section holds environments in which the rule fires, and in which it does not; the tests run them.
"""

from __future__ import annotations

import os
import re
from textwrap import fill
from typing import NamedTuple

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pages")
ENVIRONMENTS = "Environments"
_FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class Page(NamedTuple):
    """A rule's page.

    Attributes:
        code: The rule's code.
        name: The rule's name.
        sections: Heading and Markdown text of each part, in the order of the page.
        environments: Facts as YAML, with what has to be found in them.
    """

    code: str
    name: str
    sections: tuple[tuple[str, str], ...]
    environments: tuple[str, ...] = ()

    def to_json(self) -> dict[str, str]:
        """Return the parts of the page by a name that JSON likes (``how_to_fix``)."""
        return {heading.lower().replace(" ", "_"): plain(text, 0) for heading, text in self.sections}


def read_page(code: str) -> Page:
    """Return the page of a rule.

    Args:
        code: A code of :data:`~conda_tf_doctor.codes.RULES`.
    """
    with open(os.path.join(FOLDER, f"{code}.md"), encoding="utf-8") as file:
        text = file.read()
    title, *parts = _HEADING.split(text)
    name = title.removeprefix("# ").split()[1]
    sections = {heading: body.strip() for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    environments = tuple(_FENCE.findall(sections.pop(ENVIRONMENTS, "")))
    return Page(code, name, tuple(sections.items()), environments)


def plain(markdown: str, width: int = 88) -> str:
    """Return Markdown as plain text: paragraphs wrapped (0: not), commands indented, no marks.

    Args:
        markdown: Paragraphs and fenced commands; nothing else is used in the pages.
        width: In columns.
    """
    lines: list[str] = []
    for place, block in enumerate(markdown.split("```")):
        if place % 2:
            commands = block.split("\n")[1:]
            lines += ["", *(f"    {command}" for command in commands if command), ""]
            continue
        for paragraph in re.split(r"\n\s*\n", block.strip()):
            text = " ".join(paragraph.replace("`", "").split())
            if text:
                lines += [fill(text, width, break_on_hyphens=False, break_long_words=False) if width else text, ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def render_page(page: Page, width: int = 88) -> str:
    """Return a page for a terminal."""
    parts = [f"{page.code} {page.name}"]
    for heading, text in page.sections:
        parts += ["", heading, "-" * len(heading), plain(text, width)]
    return "\n".join(parts) + "\n"
