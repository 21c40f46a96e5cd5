"""Holds a matrix file to its schema and to what a schema cannot say, with a line for every problem.

The schema is the published ``schemas/matrix-file.schema.json``; the few keywords it uses are interpreted here, because
a message for people needs the line and the way out, and a validator for all of JSON Schema is no dependency of a conda
plugin. Tests hold both to the same verdicts.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from .source import Document, Path, Problem

SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schemas", "matrix-file.schema.json")

_TYPES: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "object": ("a mapping", dict),
    "array": ("a list", list),
    "string": ("a text", str),
    "integer": ("a whole number", int),
    "boolean": ("true or false", bool),
    "null": ("empty", type(None)),
}


def schema() -> dict[str, Any]:
    """Return the schema of matrix files."""
    with open(SCHEMA, encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def check_document(document: Document) -> list[Problem]:
    """Return what does not fit the schema, and version ranges that are none."""
    if document.value is None:
        return [Problem(document.file, 0, "", "is empty; it needs at least schema_version: 1")]
    rules = schema()
    problems: list[Problem] = []
    _check(document, (), document.value, rules, rules, problems)
    return problems


def _fits(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name][1])


def _check(
    document: Document, path: Path, value: Any, rule: dict[str, Any], root: dict[str, Any], problems: list[Problem]
) -> None:
    def say(message: str, where: Path = path) -> None:
        problems.append(document.problem(where, message))

    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    if "oneOf" in rule:
        _check_one_of(document, path, value, rule["oneOf"], root, problems)
        return
    types = rule.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(_fits(value, name) for name in types):
        wanted = " or ".join(_TYPES[name][0] for name in types)
        say(f"must be {wanted}, not {json.dumps(value)[:60]}" + _quote_hint(value, types))
        return
    if "enum" in rule and value not in rule["enum"]:
        say(f"must be {' or '.join(json.dumps(option) for option in rule['enum'])}, not {json.dumps(value)}")
    if isinstance(value, str):
        if "pattern" in rule and not re.search(rule["pattern"], value):
            say(f"{json.dumps(value)} is not written as it must be{_example(rule, path)}")
        if rule.get("format") == "specifiers":
            message = bad_specifiers(value)
            if message:
                say(message)
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            say("must not be empty")
        for index, item in enumerate(value):
            _check(document, (*path, index), item, rule.get("items", {}), root, problems)
    elif isinstance(value, dict):
        if len(value) < rule.get("minProperties", 0):
            say("must not be empty")
        for name in rule.get("required", ()):
            if name not in value:
                say(f"lacks {name}")
        _check_members(document, path, value, rule, root, problems)


def _check_members(
    document: Document,
    path: Path,
    value: dict[str, Any],
    rule: dict[str, Any],
    root: dict[str, Any],
    problems: list[Problem],
) -> None:
    known = rule.get("properties", {})
    others = rule.get("additionalProperties", True)
    for name, member in value.items():
        if name in known:
            _check(document, (*path, name), member, known[name], root, problems)
        elif others is False:
            problems.append(document.problem((*path, name), f"is no field of a matrix file{_similar(name, known)}"))
        elif isinstance(others, dict):
            _check(document, (*path, name), member, others, root, problems)


def _check_one_of(
    document: Document, path: Path, value: Any, options: list[dict[str, Any]], root: dict[str, Any], out: list[Problem]
) -> None:
    failures = []
    for option in options:
        found: list[Problem] = []
        _check(document, path, value, option, root, found)
        if not found:
            return
        failures.append(found)
    # The option of the value's own type tells most.
    matching = [found for option, found in zip(options, failures, strict=True) if _fits(value, option["type"])]
    if matching:
        out += matching[0]
    else:
        wanted = " or ".join(_TYPES[option["type"]][0] for option in options)
        out.append(document.problem(path, f"must be {wanted}, not {json.dumps(value)[:60]}"))


def _quote_hint(value: Any, types: list[str]) -> str:
    return " (put it in quotes)" if isinstance(value, int) and "string" in types else ""


def _example(rule: dict[str, Any], path: Path) -> str:
    if "python" in path:
        return ': write minors, such as "3.8-3.11" or "2.7, 3.5-3.7"'
    if "platform" in path or "platforms" in path:
        return ": write a conda subdir, such as win-64"
    if "date" in path or "versions" in path:
        return ": write a day as 2026-11-22"
    return f" ({rule['pattern']})"


def _similar(name: str, known: dict[str, Any]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def bad_specifiers(text: str) -> str:
    """Return why a text is no version range (alternatives joined by ``||`` are one), or an empty text."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        for alternative in text.split("||"):
            SpecifierSet(alternative.strip())
    except InvalidSpecifier:
        return f"{json.dumps(text)} is no version range; write it as >=1.19,<2"
    return ""
