"""A collected report (``report``, ``check --report``): the facts of an environment on another machine."""

from __future__ import annotations

import re
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .. import reading
from ..codes import ROWS
from ..errors import Ignored, UsageError
from ..findings import CERTAIN, SEVERITIES, Finding, Fix
from ..shell import quoted
from ..subdirs import plain_machine
from .channels import channel_name
from .facts import CONDA, PIP, Binary, Environment, Note, Package, Python, System

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def read_report(path: str) -> Environment:
    """Read a report.

    Args:
        path: The file; ``-`` is standard input.

    Raises:
        UsageError: The file cannot be read, is no JSON, or a field is not what the schema says.
    """
    try:
        raw = reading.read_input(reading.RECORD) if path == "-" else reading.read_bytes(path, reading.RECORD)
        text = reading.decoded(raw, "strict")
    except FileNotFoundError:
        raise UsageError(
            f"The report {path} does not exist; collect one with `conda tf-doctor report -o {quoted(path)}`."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8 or UTF-16"
        raise UsageError(f"The report {path} cannot be read: {reason}.") from None
    try:
        data = reading.load_json(text)
    except ValueError as error:
        raise UsageError(f"The report {path} is not JSON ({error}); collect it again.") from None
    return environment_of(data, path)


def environment_of(data: Any, path: str) -> Environment:
    """Turn a report's document into facts.

    Raises:
        UsageError: A field is not what the schema says.
    """
    fields = _Fields(data, path)
    if data.get("schema_version", 1) != 1:
        raise UsageError(
            f"The report {path} has schema_version {data['schema_version']!r}, and this version reads 1; "
            "update conda-tf-doctor, or collect the report with this one."
        )
    env = Environment("report", path, fields.text("platform", required=True))
    env.platform = env.platform.strip().lower()
    if not re.fullmatch("[a-z]+-[a-z0-9_]+", env.platform):
        raise UsageError(
            f"The report {path} cannot be used: the field 'platform' has to be a platform of conda, such as win-64, "
            f"linux-64 or osx-arm64, not {env.platform!r}."
        )
    python = _Fields(fields.mapping("python"), path, "python.")
    env.python = Python(
        python.text("version"), python.number("bits"), plain_machine(python.text("machine")), f"{path}: python"
    )
    env.add(_packages(fields, "packages", required=True))
    env.requested = _packages(fields, "requested")
    record = env.package("python")
    if not env.python.version and record:
        env.python = env.python._replace(version=record.version)
    env.virtual_packages = fields.values("virtual_packages")
    env.env_vars = fields.values("env_vars")
    env.location = fields.text("prefix")
    env.error_text = fields.text("error_text")
    env.working_folder = fields.texts("working_folder")
    env.started_here = True
    env.user_site = _packages(fields, "user_site")
    env.path_packages = _packages(fields, "path_packages")
    env.system = _system(_Fields(fields.mapping("system"), path, "system."))
    env.binaries = [_binary(_Fields(item, path, "binaries.")) for item in fields.items("binaries")]
    env.notes = [_note(_Fields(item, path, "notes.")) for item in fields.items("notes")]
    env.collected = data.get("complete") is True
    if "findings" in data:
        env.seen = [_finding(_Fields(item, path, "findings.")) for item in fields.items("findings")]
    env.generated_code = dict(_generated(_Fields(i, path, "generated_code.")) for i in fields.items("generated_code"))
    return env


def _note(fields: _Fields) -> Note:
    return Note(fields.text("path"), fields.text("message", required=True), hides=True)


def _finding(fields: _Fields) -> Finding:
    code, severity = fields.text("code", required=True), fields.text("severity", required=True)
    if code not in ROWS or severity not in SEVERITIES:
        raise fields.wrong("code", "the code of a rule, with its severity")
    fix = _Fields(fields.mapping("fix"), fields.path, f"{fields.prefix}fix.")
    return Finding(
        code,
        severity,
        fields.text("message", required=True),
        fields.text("found"),
        fields.text("expected"),
        tuple(fields.texts("evidence")),
        fields.text("source"),
        Fix(
            tuple(fix.texts("pins")),
            tuple(fix.texts("pip")),
            tuple(_anywhere(fix.all_texts(command, "commands")) for command in fix.items("commands")),
            fix.text("note"),
            tuple(_pair(fix, item) for item in fix.items("reinstall")),
        ),
        fields.text("package"),
        fields.text("confidence") or CERTAIN,
        tuple(fields.texts("needs")),
    )


def _anywhere(command: list[str]) -> tuple[str, ...]:
    """Return a command without the folder on that machine: like a report's others it is for the active environment."""
    if "-p" not in command:
        return tuple(command)
    place = command.index("-p")
    return (*command[:place], *command[place + 2 :])


def _pair(fields: _Fields, item: Any) -> tuple[str, str]:
    texts = fields.all_texts(item, "reinstall", "a list of a manager and a name each")
    if len(texts) != 2:
        raise fields.wrong("reinstall", "a list of a manager and a name each")
    return texts[0], texts[1]


def _system(fields: _Fields) -> System:
    features = {name: value for name, value in fields.mapping("cpu_features").items() if value is not None}
    if not all(isinstance(value, bool) for value in features.values()):
        raise fields.wrong("cpu_features", "an object of true and false")
    return System(
        os=fields.text("os"),
        machine=plain_machine(fields.text("machine")),
        cpu_model=fields.text("cpu_model"),
        cpu_features=features,
        gpu=fields.text("gpu"),
        cuda_driver=fields.text("cuda_driver"),
        cuda_installed=tuple(fields.texts("cuda_installed")),
        cudnn_installed=tuple(fields.texts("cudnn_installed")),
        vc_runtime=fields.text("vc_runtime"),
        vc_redistributable=fields.text("vc_redistributable"),
    )


def _binary(fields: _Fields) -> Binary:
    return Binary(
        path=fields.text("path", required=True),
        machine=plain_machine(fields.text("machine")),
        bits=fields.number("bits"),
        imports=tuple(fields.texts("imports")),
        missing=tuple(fields.texts("missing")),
        problem=fields.text("problem"),
        version=fields.text("version"),
    )


def _generated(fields: _Fields) -> tuple[str, tuple[str, str]]:
    return fields.text("package", required=True), (fields.text("protobuf", required=True), fields.text("file"))


_OF_PACKAGE = ("name", "version", "build", "channel", "manager")
_LISTS = ("depends", "constrains")
_SIGNS = frozenset("<>=!~")


def _packages(fields: _Fields, where: str, required: bool = False) -> list[Package]:
    """Return the packages of a list: a fleet has hundreds of thousands, nearly all of which are as they have to be."""
    items, source = fields.items(where, required), f"{fields.path}: {where}"
    with Ignored(AttributeError, TypeError):
        return _built(items, source)
    return _built([_typed(_Fields(item, fields.path, f"{where}.")) for item in items], source)


def _typed(one: _Fields) -> dict[str, Any]:
    texts = {name: one.text(name, required=name == "name") for name in _OF_PACKAGE}
    return {**texts, **{name: one.texts(name) for name in _LISTS}, "asked_for": one.data.get("asked_for")}


def _built(items: list[dict[str, Any]], source: str) -> list[Package]:
    """Return the packages of entries whose fields are what they have to be.

    Raises:
        AttributeError: One of them is no object.
        TypeError: A field of one is something else, or it has no name.
    """
    names, versions, builds, channels, managers = ([item.get(name, "") for item in items] for name in _OF_PACKAGE)
    for column in (names, versions, builds, channels, managers):
        "".join(column)  # which only texts can be
    if not all(names):
        raise TypeError
    canonical = {channel: channel_name(channel) for channel in set(channels)}
    channels = [canonical[channel] for channel in channels]
    if not set(managers) <= {CONDA, PIP}:
        managers = [*map(_manager, managers, channels)]
    specs: Iterable[str] = repeat("")
    if not _SIGNS.isdisjoint([version[:1] for version in versions]):
        # What was asked for may be a range.
        specs = [version if version[:1] in _SIGNS else "" for version in versions]
        versions = ["" if spec else version for spec, version in zip(specs, versions, strict=True)]
    metadata = [
        _metadata(item) if "depends" in item or "constrains" in item or "asked_for" in item else None for item in items
    ]
    return [*map(Package, names, versions, managers, builds, channels, repeat(source), metadata, specs)]


def _manager(written: str, channel: str) -> str:
    known = written.lower()
    return known if known in (CONDA, PIP) else PIP if channel == "pypi" else CONDA if channel else ""


def _metadata(item: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    for name in _LISTS:
        listed = item.get(name)
        if listed is not None:
            if type(listed) is not list:
                raise TypeError
            "".join(listed)

    def metadata() -> dict[str, Any]:
        told: dict[str, Any] = {name: [text for text in item.get(name) or () if text.strip()] for name in _LISTS}
        if isinstance(item.get("asked_for"), bool):
            told["requested_spec"] = item["name"] if item["asked_for"] else "None"  # as conda notes it
        return told

    return metadata


class _Fields:
    """Reads typed fields and says which one of which file is wrong."""

    def __init__(self, data: Any, path: str, prefix: str = "") -> None:
        self.path, self.prefix = path, prefix
        if not isinstance(data, dict):
            where = f"the entry {prefix.rstrip('.')!r}" if prefix else "it"
            raise UsageError(f"The report {path} cannot be used: {where} is not a JSON object.")
        self.data: dict[str, Any] = data

    def wrong(self, name: str, wanted: str) -> UsageError:
        """Return the error that names the field and what it has to be."""
        return UsageError(
            f"The report {self.path} cannot be used: the field {self.prefix + name!r} has to be {wanted}."
        )

    def text(self, name: str, required: bool = False) -> str:
        """Return a text field; numbers count as text, absent is empty."""
        value = self.data.get(name)
        if value is None or value == "":
            if required:
                raise self.wrong(name, "there, a text")
            return ""
        return value if type(value) is str else self.all_texts([value], name, "a text")[0]

    def all_texts(self, value: Any, name: str, wanted: str = "a list of texts") -> list[str]:
        """Return a list of texts, among which numbers count as text."""
        kinds = set(map(type, value)) if isinstance(value, list) else {None}
        if not kinds <= {str, int, float}:
            raise self.wrong(name, wanted)
        return list(value if kinds <= {str} else map(str, value))

    def texts(self, name: str) -> list[str]:
        """Return a list of texts that say something; absent is empty."""
        found = self.all_texts(self.items(name), name)
        return found if all(map(str.strip, found)) else [text for text in found if text.strip()]

    def values(self, name: str) -> dict[str, str]:
        """Return an object of texts; absent is empty, and so is null in it."""
        told = {key: value for key, value in self.mapping(name).items() if value is not None}
        return dict(zip(told, self.all_texts([*told.values()], name, "an object of texts"), strict=True))

    def number(self, name: str) -> int:
        """Return a whole number; absent is 0."""
        value = self.data.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object; absent is empty."""
        value = self.data.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def items(self, name: str, required: bool = False) -> list[Any]:
        """Return a list; absent is empty."""
        value = self.data.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        return value
