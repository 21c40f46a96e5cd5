"""The entries of an environment.yml, each with its place in the text."""

from __future__ import annotations

import re
from typing import Any

from ...environment.facts import CONDA, PIP
from ...environment.files.platforms import SELECTOR, selected
from ...errors import UsageError
from ...names import normalise
from ...reading import BadYamlError, compose_yaml
from .entry import IN_SECTION, NEW_SECTION, Entry, line_spans
from .requirements import entry_of_requirement

# The anchor and the tag that a node's place includes.
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_CONDA = re.compile(r"(?:(?:[^\s:]+::)|(?:[^\s:]+:[^\s:]*:))?([A-Za-z0-9_][\w.\-]*)(.*)\Z", re.S)
_BRACKET = re.compile(r"\[[^\[\]]*?\bversion\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]\s]+))")


def entries_of_yaml(text: str, path: str, platform: str, python: str) -> tuple[list[Entry], dict[str, tuple[str, int]]]:
    """Find the dependencies of an environment.yml, those of its ``pip:`` section included."""
    # A mark at the beginning is no part of the document, but of our places.
    skip = 1 if text.startswith("\ufeff") else 0
    try:
        root = compose_yaml(text[skip:])
    except BadYamlError as error:
        raise UsageError(f"The file {path} is not valid YAML: {error}; correct it.") from None
    finder = _Finder(text, path, platform, python, skip)
    for key, value in getattr(root, "value", None) or ():
        if getattr(key, "value", "") == "dependencies" and value.id == "sequence":
            finder.sequence(value, CONDA)
    return finder.entries, finder.templates


class _Finder:
    def __init__(self, text: str, path: str, platform: str, python: str, skip: int) -> None:
        self.text, self.path, self.platform, self.python, self.skip = text, path, platform, python, skip
        self.spans = line_spans(text)
        self.entries: list[Entry] = []
        self.templates: dict[str, tuple[str, int]] = {}

    def _at(self, mark: Any) -> int:
        """Return a mark's place; the loader counts lines and columns as we do."""
        if mark.line >= len(self.spans):
            return len(self.text)
        line, column = int(mark.line), int(mark.column)
        return self.spans[line][0] + column + (self.skip if line == 0 else 0)

    def sequence(self, node: Any, manager: str) -> None:
        """Add the entries of one list."""
        flow = bool(node.flow_style)
        group = f"{manager}{len(self.templates)}"
        last, of_pip = None, manager == PIP
        for place, item in enumerate(node.value):
            if item.id == "mapping":
                for key, value in item.value:
                    of_pip |= key.value == "pip"
                    if key.value == "pip" and value.id == "sequence":
                        self.sequence(value, PIP)
            elif item.id == "scalar":
                self._scalar(item, manager, group, flow, place, node)
                last = item
        self._template(group, node, last, flow, manager)
        line, end = self.templates.get(group, ("", 0))
        if of_pip:
            return
        if flow and line:
            self.templates[NEW_SECTION] = (line, end)
        elif line.lstrip().startswith("-"):
            self.templates[NEW_SECTION] = (line[: line.index("-")] + IN_SECTION, end)

    def _template(self, group: str, node: Any, last: Any, flow: bool, manager: str) -> None:
        if flow:
            if last is not None:
                self.templates[group] = (", {name}{version}", self._at(last.end_mark))
            return
        if last is None:
            return
        line = last.start_mark.line
        begin, end = self.spans[line]
        head = self.text[begin : self._at(last.start_mark)]
        if head.strip() in ("-", ""):
            self.templates[group] = (head + "{name}{version}", end)

    def _scalar(self, item: Any, manager: str, group: str, flow: bool, place: int, node: Any) -> None:
        begin, end = self._at(item.start_mark), self._at(item.end_mark)
        raw = self.text[begin:end]
        begin += _PROPERTIES.match(raw).end()  # type: ignore[union-attr]
        raw = self.text[begin:end]
        quoted = raw[:1] in ("'", '"')
        if quoted:
            begin, end, raw = begin + 1, end - 1, raw[1:-1]
        fixed = "" if raw == item.value else "it is written with escapes or over several lines; change it by hand"
        first, last = self._whole(item, node, place, flow)
        line = item.start_mark.line
        rest = self.text[end : self.spans[line][1]] if line < len(self.spans) else ""
        selector = SELECTOR.search(rest) if not flow else None
        applies = selector is None or self._selected(selector.group(1))
        # With escapes in it the places are not those of the value, and it is only there to be refused.
        raw = str(item.value) if fixed else raw
        if manager == PIP:
            found = entry_of_requirement(raw, begin, line + 1, self.platform, self.python)
        else:
            found = _conda_entry(raw, begin, line + 1)
        if found is not None:
            self.entries.append(
                found._replace(
                    manager=manager, first=first, last=last, group=group, flow=flow and not quoted,
                    applies=applies and found.applies, fixed=found.fixed or fixed,
                    removable=found.removable and not fixed,
                )
            )  # fmt: skip

    def _selected(self, selector: str) -> bool:
        return not self.platform or selected(selector, self.platform)

    def _whole(self, item: Any, node: Any, place: int, flow: bool) -> tuple[int, int]:
        if not flow:
            return self.spans[item.start_mark.line][0], self.spans[min(item.end_mark.line, len(self.spans) - 1)][1]
        begin, end = self._at(item.start_mark), self._at(item.end_mark)
        if place + 1 < len(node.value):
            return begin, self._at(node.value[place + 1].start_mark)
        return (self._at(node.value[place - 1].end_mark) if place else begin), end


def _conda_entry(raw: str, begin: int, line: int) -> Entry | None:
    matched = _CONDA.match(raw)
    if matched is None or "://" in raw or raw.endswith((".conda", ".tar.bz2")):
        return None
    name, rest = matched.group(1), matched.group(2)
    start, end, fixed, removable = begin + matched.start(2), begin + len(raw), "", False
    bracket = _BRACKET.search(rest)
    if bracket:
        index = next(i for i in (1, 2, 3) if bracket.group(i) is not None)
        start, end = begin + matched.start(2) + bracket.start(index), begin + matched.start(2) + bracket.end(index)
    elif rest.lstrip().startswith("["):
        fixed, removable = "it selects by build or channel only; change it by hand", True
    elif "#" in rest:
        end = begin + matched.start(2) + len(rest[: rest.index("#")].rstrip())
    return Entry(
        CONDA, normalise(name), line, start, end, 0, 0, "", bare=bool(bracket), fixed=fixed, removable=removable
    )
