"""Turns a matrix file's groups into rows: one per release and platform, with everything they inherit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..names import normalise
from ..versions import contains, glob_match, is_prerelease, release
from .model import Build, minors
from .source import Document, Path, Problem

SCHEMA_VERSION = 1
SHARED = "shared"
BUILDS = "builds"
RELEASE = "release"

Row = dict[str, Any]

_DEFAULTS = Build._field_defaults
_REQUIRED = ("channel", "distribution", "tensorflow", "platform")
# TensorFlow loads every CUDA library by name, cuRAND among them until its wrapper was removed: GetCurandDsoHandle is in
# the wheels of 2.13 and before, and in none of 2.14 and later.
WITHOUT_CURAND = (2, 14)
# These add up from file to fragment to group to build; everything else is replaced.
_JOINED = ("source", "notes")
# Declared ranges that a row also has as fields of their own.
_OWN_FIELDS = {"numpy": "numpy", "protobuf": "protobuf", "keras": "keras", "h5py": "h5py", "ml-dtypes": "ml_dtypes"}
_FILE_FIELDS = ("channel", "distribution", "packages", "source", "review")


def _merge(into: Row, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name in _JOINED and into.get(name):
            if value and value not in into[name]:
                into[name] = f"{into[name]}; {value}"
        elif name == "libraries":
            into[name] = [*into.get(name, []), *(item for item in value if item not in into.get(name, []))]
        elif isinstance(value, dict):
            into[name] = {**into.get(name, {}), **value}
        else:
            into[name] = value


def normalised(name: str, value: Any) -> Any:
    """Return a field's value in the type of the model: numbers that YAML saw in a version become text again."""
    if name == "python" and isinstance(value, str):
        return minors(value)
    default = _DEFAULTS.get(name, "")
    if isinstance(default, tuple):
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(default, dict):
        return {str(key): str(item if item is not None else "") for key, item in (value or {}).items()}
    if isinstance(default, str):
        return "" if value is None else str(value)
    return value


def chain(
    layers: list[tuple[Path, Mapping[str, Any]]],
    shared: Mapping[str, Row],
    document: Document,
    problems: list[Problem],
    base: Row | None = None,
) -> Row:
    """Return a row's fields from several layers, the shared blocks that each names before its own fields."""
    row: Row = dict(base or {})
    for path, layer in layers:
        for index, name in enumerate(layer.get("use", ())):
            if name in shared:
                _merge(row, {key: normalised(key, value) for key, value in shared[name].items()})
            else:
                problems.append(
                    document.problem(
                        (*path, "use", index), f"there is no shared block {name!r}; define it under shared:"
                    )
                )
        skipped = ("use", "versions", "builds", "platforms")
        _merge(row, {key: normalised(key, value) for key, value in layer.items() if key not in skipped})
    return row


def _row_id(row: Row) -> str:
    parts = [row["channel"], row["distribution"], row["tensorflow"], row["platform"]]
    if row.get("build"):
        name = row.get("variant_name") or row.get("variant", _DEFAULTS["variant"])
        if name == "gpu" and row.get("cuda_built"):
            name += f"-cuda{row['cuda_built']}"
        if row.get("build_number", -1) >= 0:
            parts[2] += f"-{row['build_number']}"
        parts.append(name)
    return "/".join(parts)


def finished(row: Row) -> Row:
    """Return a row with what follows from its fields, and without those that have their default."""
    row["distribution"] = normalise(row["distribution"])
    if row.get("libraries") and release(row["tensorflow"])[:2] >= WITHOUT_CURAND:
        row["libraries"] = [name for name in row["libraries"] if "curand" not in name]
    for name, field in _OWN_FIELDS.items():
        if name in row.get("requires", {}) and field not in row:
            row[field] = row["requires"][name]
    if is_prerelease(row["tensorflow"]):
        row["prerelease"] = True
    for name in ("source", "notes", "stub_for"):
        if "{" in row.get(name, ""):
            row[name] = row[name].replace("{version}", row["tensorflow"]).replace("{distribution}", row["distribution"])
    row.setdefault("id", _row_id(row))
    order = {name: index for index, name in enumerate(Build._fields)}
    kept = {name: value for name, value in row.items() if name not in _DEFAULTS or value != _plain(_DEFAULTS[name])}
    return dict(sorted(kept.items(), key=lambda item: order[item[0]]))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _with_metapackages(row: Row, chosen_by: Iterable[Mapping[str, Any]]) -> Row:
    """Return a row with the packages besides that hold no files, and choose it among its release's builds."""
    names = [
        each["name"]
        for each in chosen_by
        if glob_match(each["builds"], row.get("build", ""))
        and contains(each.get("versions", ""), row["tensorflow"])
        and row["platform"] in each.get("platforms", [row["platform"]])
    ]
    return {**row, "packages": [*row.get("packages", []), *names]} if names else row


def rows_of(document: Document, shared: Mapping[str, Row], problems: list[Problem]) -> Iterator[tuple[Path, Row]]:
    """Yield every row of a file with the path it comes from; fields that have their default are left out.

    Args:
        document: A file that fits the schema.
        shared: Named blocks of fields, those of the file itself included.
        problems: Gets what is wrong beyond the schema.
    """
    base = {name: document.value[name] for name in _FILE_FIELDS if name in document.value}
    for group_number, group in enumerate(document.value.get("groups") or ()):
        group_path: Path = ("groups", group_number)
        for build_number, build in enumerate(group["builds"]):
            path = (*group_path, "builds", build_number)
            layers: list[tuple[Path, Mapping[str, Any]]] = [((), base), (group_path, group), (path, build)]
            inherited = chain(layers, shared, document, problems)
            platforms = build.get("platforms") or [inherited.get("platform", "")]
            for platform in platforms:
                for version, date in group["versions"].items():
                    row = {**inherited, "platform": platform, "tensorflow": version, "date": str(date or "")}
                    missing = [name for name in _REQUIRED if not row.get(name)]
                    if missing:
                        problems.append(document.problem(path, f"lacks {', '.join(missing)}"))
                    else:
                        yield path, finished(_with_metapackages(row, document.value.get("metapackages", ())))
    for number, entry in enumerate(document.value.get("rows") or ()):
        path = ("rows", number)
        row = chain([((), base), (path, entry)], shared, document, problems)
        if all(row.get(name) for name in _REQUIRED):
            yield path, finished(row)
        elif row.get("id"):
            # Only what the entry itself says: it changes a row that exists.
            yield path, chain([(path, entry)], shared, document, problems)
        else:
            problems.append(document.problem(path, f"needs an id of an existing row, or {', '.join(_REQUIRED)}"))
