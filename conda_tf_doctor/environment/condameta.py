"""Conda's records on disk (``conda-meta/*.json``), read as sparingly as can be."""

from __future__ import annotations

import os

from .. import reading
from .._typing import TYPE_CHECKING, Any
from ..errors import Ignored, UsageError
from .facts import CONDA, Environment, Note, Package

if TYPE_CHECKING:
    from collections.abc import Iterator

# Conda and libmamba write a record's keys in alphabetical order, and everything a rule asks for comes before "files":
# the lists of files behind it are megabytes for TensorFlow.
_HEAD, _TAIL = 1 << 16, 1 << 12
_FILES = '"files": ['


def read_record(path: str) -> dict[str, Any]:
    """Read a record without its lists of files.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a JSON object.
    """
    head, tail = reading.read_ends(path, _HEAD, _TAIL)
    head = head.removeprefix("\ufeff")
    cut = head.find(_FILES)
    if cut >= 0:
        try:
            record = reading.load_json(head[:cut].rstrip().rstrip(",") + "}")
        except ValueError:
            record = {}
        keys = list(record)
        if "depends" in record and "channel" in record and ("constrains" in record or keys == sorted(keys)):
            return {**_fields(tail), **record}
        # another writer, another order: read it whole
    record = reading.load_json(reading.read_text(path, reading.RECORD, "utf-8-sig", "strict"))
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


_TAIL_FIELDS = ("name", "requested_spec", "subdir", "version")


def _fields(text: str) -> dict[str, Any]:
    """Return the short fields that stand behind the lists of files: at the record's own indentation, near its end."""
    found = {}
    for name in _TAIL_FIELDS:
        _, written, rest = text.rpartition(f'\n  "{name}": ')
        value = rest.partition("\n")[0].strip().rstrip(",")
        if written and (value == "null" or value.startswith('"')):
            with Ignored(ValueError):
                found[name] = reading.load_json(value)
    return found


# What each field is that anything asks for; a record may lack it, or have null in its place.
_LISTS = ("depends", "constrains", "_requested_specs", "files")
_TEXTS = ("name", "version", "build", "channel", "subdir", "requested_spec")


def well_typed(record: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a record whose fields are of the types that conda gives them, and what is wrong with those left out.

    A list keeps those of its entries that are text.
    """
    wrong = []
    kept = dict(record)
    for name in _LISTS:
        value = record.get(name) or []
        texts = [each for each in value if isinstance(each, str) and each.strip()] if isinstance(value, list) else []
        if not isinstance(value, list) or len(texts) < len(value):
            wrong.append(f"{name} has to be a list of texts")
            kept[name] = texts
    for name in _TEXTS:
        value = record.get(name)
        if value is not None and not isinstance(value, str):
            wrong.append(f"{name} has to be a text")
            del kept[name]
    return kept, wrong


class _Lazy:
    """Reads a record when a rule first asks for it; what of it cannot be read becomes a note, once."""

    __slots__ = ("env", "path", "source")

    def __init__(self, env: Environment, path: str, source: str) -> None:
        self.env, self.path, self.source = env, path, source

    def __call__(self) -> dict[str, Any]:
        try:
            return self._asked(self.checked(read_record(self.path)))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or f"broken JSON ({error})"
            self.env.notes.append(
                Note(self.source, f"The record {self.source} cannot be read: {reason}; its dependencies are unknown.")
            )
            return {}

    def checked(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the well typed part of a record; what of it is not becomes a note."""
        record, wrong = well_typed(record)
        if wrong:
            text = f"The record {self.source} is not what conda writes: {'; '.join(wrong)}; the rest of it is taken."
            self.env.notes.append(Note(self.source, text))
        return record

    def _asked(self, record: dict[str, Any]) -> dict[str, Any]:
        """Have a record of CUDA's say what the user has asked for, also where another package has moved it since."""
        name = str(record.get("name"))
        if name.startswith(CUDA) and record.get("requested_spec") in (None, "", "None"):
            from .history import asked_for

            if name in asked_for(os.path.dirname(os.path.dirname(self.path))):
                return {**record, "requested_spec": name}
        return record


def read_records(env: Environment, prefix: str) -> Iterator[Package]:
    """Yield conda's records of a prefix; the file names tell name, version and build without opening them."""
    folder = os.path.join(prefix, "conda-meta")
    try:
        with os.scandir(folder) as entries:
            listed = {entry.name: entry for entry in entries if entry.name.endswith(".json")}
    except FileNotFoundError:
        return
    except PermissionError:
        raise UsageError(f"The folder {folder} cannot be read: permission denied.") from None
    except OSError as error:
        env.notes.append(Note("conda-meta", f"The folder conda-meta cannot be read: {error.strerror}.", hides=True))
        return
    seen: dict[str, str] = {}
    for file in sorted(listed):
        entry, source = listed[file], f"conda-meta/{file}"
        problem = _unreadable(entry)
        if problem:
            env.notes.append(
                Note(source, f"The record {source} cannot be used: {problem}; it is left out.", hides=True)
            )
            continue
        parts = file[:-5].rsplit("-", 2)
        lazy = _Lazy(env, entry.path, source)
        if len(parts) == 3 and all(parts):
            telling = parts[0] in _TELLING or parts[0].startswith(_TENSORFLOW)
            reason = _unreadable_end(entry.path) if telling else ""
            if reason == _EMPTY:
                env.notes.append(
                    Note(source, f"The record {source} cannot be used: {reason}; it is left out.", hides=True)
                )
                continue
            if reason:
                text = f"The record {source} cannot be read: {reason}; its dependencies are unknown."
                env.notes.append(Note(source, text))
            package: Package | None = Package(parts[0], parts[1], CONDA, parts[2], None, source, {} if reason else lazy)
        else:
            package = _whole(env, lazy)
        if package is None:
            continue
        if package.name in seen:
            text = f"{source} and {seen[package.name]} record the same package: an interrupted transaction left one."
            env.notes.append(Note(source, text))
        seen.setdefault(package.name, source)
        yield package


# Names by which a verdict stands or falls: of these a look at the end tells what no rule may come to read.
_TELLING = frozenset(
    {
        "python", "numpy", "numpy-base", "protobuf", "libprotobuf", "keras", "tf-keras", "h5py", "ml_dtypes",
        "tensorboard", "cudatoolkit", "cudnn", "vc14_runtime", "vs2015_runtime", "libstdcxx", "libstdcxx-ng", "wrapt",
    }
)  # fmt: skip
_TENSORFLOW = ("tensorflow", "cuda-")
# Where it counts whether the user asked for it.
CUDA = ("cuda", "cudnn", "libcudnn")


_EMPTY = "the file is empty"


def _unreadable_end(path: str) -> str:
    """Return why a record cannot be read; one that ends without a closing brace was written by half."""
    try:
        with reading.open_raw(path) as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - 64))
            whole = handle.read(64).rstrip().endswith((b"}", b"]"))
        return "" if whole else "broken JSON (it is cut off)" if size else _EMPTY
    except OSError as error:
        return error.strerror or str(error)


def _unreadable(entry: os.DirEntry[str]) -> str:
    """Return why a record cannot be read at all, or nothing; opening a pipe would wait for ever."""
    try:
        if entry.is_file():
            return ""
        return "the link leads nowhere" if entry.is_symlink() and not os.path.exists(entry.path) else "it is no file"
    except OSError as error:
        return error.strerror or str(error)


def _whole(env: Environment, lazy: _Lazy) -> Package | None:
    """Read a record whose file name does not tell; pip's old ``*.json`` leftovers and strangers are noted."""
    try:
        record = reading.load_json(reading.read_text(lazy.path, reading.RECORD, "utf-8-sig", "strict"))
        name, version = record["name"], record["version"]
        if isinstance(name, str) and isinstance(version, str):
            record = lazy.checked(record)
            return Package(name, version, CONDA, record.get("build") or "", None, lazy.source, record)
        raise TypeError("name and version are not text")
    except OSError as error:
        reason = error.strerror or str(error)
    except KeyError as error:
        reason = f"it has no {error}"
    except (ValueError, TypeError) as error:
        reason = f"broken JSON ({error})"
    env.notes.append(
        Note(lazy.source, f"The record {lazy.source} cannot be used: {reason}; it is left out.", hides=True)
    )
    return None
