"""Writes the file of one TensorFlow release: ``matrix/data/releases/2.19.1.yaml``.

The first part is what the index and the wheels say and is written anew each time; the second, from the line ``builds:``
on, is what a person established, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from conda_tf_doctor.matrix.release import written

HEADS = {
    "wheels": "What the index has. Written by refresh-matrix, as all up to `builds`: put nothing here by hand.",
    "requires": "What the metadata of the wheels declare.",
    "read": "What the files in the wheels say.",
    "builds": "What else was established, by wheel. Yours: refresh-matrix only makes this part for a new release.",
}
Wheels = dict[str, dict[str, Any]]


def span(found: list[str]) -> str:
    """Return exact minors, lowest first, as ``minors`` reads them: ``3.9-3.12``, or ``3.9, 3.11`` with a gap."""
    parts: list[list[str]] = []
    for each in found:
        major, _, number = each.partition(".")
        if parts and parts[-1][-1] == f"{major}.{int(number) - 1}":
            parts[-1].append(each)
        else:
            parts.append([each])
    return ", ".join(part[0] if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def requirement(text: str) -> str:
    """Return a requirement in one spelling, whatever built the wheel."""
    parsed = Requirement(text)
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    marker = f" ; {parsed.marker}" if parsed.marker else ""
    return f"{canonicalize_name(parsed.name)}{extras}{written(str(parsed.specifier))}{marker}"


def ordered(requirements: Iterable[str]) -> list[str]:
    """Return requirements in one spelling and order, those of extras last."""
    return sorted({requirement(text) for text in requirements}, key=lambda text: ("extra ==" in text, text))


def shortened(names: Iterable[str], wheels: Wheels) -> list[str]:
    """Return wheels (``tensorflow/win-64``), those of a distribution as its name alone where all are among them."""
    left = list(names)
    made: list[str] = []
    for distribution, facts in wheels.items():
        all_of_it = [f"{distribution}/{platform}" for platform in facts["platforms"]]
        if set(all_of_it) <= set(left):
            made.append(distribution)
        else:
            made += [name for name in all_of_it if name in left]
    return made


def together(entries: Mapping[str, dict[str, Any]], wheels: Wheels) -> list[dict[str, Any]]:
    """Return one entry for all wheels of which the same is known: ``{"of": […], …}``."""
    of: list[tuple[dict[str, Any], list[str]]] = []
    for name, entry in entries.items():
        for known, names in of:
            if known == entry:
                names.append(name)
                break
        else:
            of.append((entry, [name]))
    return [{"of": shortened(names, wheels), **entry} for entry, names in of]


def _flow(value: Any, is_list_of_many: bool = False) -> Any:
    """Return small mappings and lists as they stand on one line."""
    if isinstance(value, dict):
        made = CommentedMap((name, _flow(item)) for name, item in value.items())
        made.fa.set_flow_style()
        return made
    if isinstance(value, list):
        items = CommentedSeq(value)
        if not is_list_of_many:
            items.fa.set_flow_style()
        return items
    return value


def _section(name: str, value: Any) -> str:
    yaml = YAML()
    yaml.width = 112
    yaml.indent(mapping=2, sequence=2, offset=0)
    stream = StringIO()
    if name == "wheels":
        styled: Any = {
            distribution: {**facts, "platforms": {p: _flow(each) for p, each in facts["platforms"].items()}}
            for distribution, facts in value.items()
        }
    else:
        styled = [{key: _flow(part, key == "packages") for key, part in entry.items()} for entry in value]
    yaml.dump({name: styled}, stream)
    return f"\n# {HEADS[name]}\n{stream.getvalue()}".replace(" \n", "\n")


def text(release: str, sections: Mapping[str, Any], established: str = "", plugin: str = "") -> str:
    """Return a file's text.

    Args:
        release: Version.
        sections: ``wheels``, ``requires``, ``read`` and ``builds``; what is empty is left out.
        established: The second part of a file that exists, which is kept.
        plugin: The distribution whose release it is where that is no TensorFlow.
    """
    names = [name for name in HEADS if sections.get(name) and not (established and name == "builds")]
    head = f"# {plugin or 'TensorFlow'} {release}: its wheels, what they require, and what was established of them.\n"
    head += f"schema_version: 1\nkind: release\nrelease: {release}\n"
    return (
        head + "".join(_section(name, sections[name]) for name in names) + (f"\n{established}" if established else "")
    )


def second_part(text: str) -> str:
    """Return what a person wrote of a release: the comment above ``builds:`` and all after it."""
    found = re.search(r"^(#[^\n]*\n)?builds:", text, re.MULTILINE)
    return text[found.start() :] if found else ""
