"""The one way to open what somebody else wrote: a regular file, no larger than a file of its kind can be.

Opening a named pipe waits for a writer, ``/dev/zero`` never ends, and a sparse file of a gigabyte costs its memory. A
file that cannot be what it is named for is refused before a byte of it is read.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys

from ._light import re
from ._typing import Any
from .errors import Ignored, UsageError

KB, MB = 1 << 10, 1 << 20
# The largest of each kind that was seen in the wild is a fraction of these.
SMALL = 64 * KB
SETTINGS = MB
TEXT = 16 * MB
RECORD = 64 * MB
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)


def open_raw(path: str) -> io.FileIO:
    """Open a regular file for reading, in bytes and without a buffer.

    Raises:
        OSError: It cannot be opened, or is no regular file; ``strerror`` says which.
    """
    # O_NONBLOCK: a pipe is opened at once instead of when somebody writes to it, and then seen to be one.
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket fails with
            raise _not_regular(os.stat(path).st_mode, path) from None
        # Windows does not say that it is a folder, but that opening it is not allowed; and of a name that no file can
        # have there, such as a pattern that fits nothing, that it is no argument.
        if os.name == "nt":
            known = {errno.EACCES: os.path.isdir(path) and errno.EISDIR, errno.EINVAL: errno.ENOENT}
            if meant := known.get(error.errno or 0):
                raise OSError(meant, os.strerror(meant), path) from None
        raise
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise _not_regular(mode, path)
    except BaseException:
        os.close(handle)
        raise
    return io.FileIO(handle, "rb")


def _not_regular(mode: int, path: str) -> OSError:
    return OSError(errno.EINVAL, next((words for test, words in _KINDS if test(mode)), "it is no regular file"), path)


def open_regular(path: str) -> io.BufferedReader:
    """Open a regular file for reading, in bytes.

    Raises:
        OSError: It cannot be opened, or is no regular file; ``strerror`` says which.
    """
    return io.BufferedReader(open_raw(path))


def read_bytes(path: str, limit: int = TEXT) -> bytes:
    """Return a file's content.

    Args:
        path: The file.
        limit: The size in bytes that it may have.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger.
    """
    with open_raw(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        # Files of /proc have size 0 and content; one byte more than allowed tells that there is more.
        data = b"" if size > limit else stream.read(max(size, limit if size == 0 else 0) + 1)
        if size > limit or len(data) > limit:
            raise OSError(errno.EFBIG, f"it is larger than {limit // MB or 1} MB", path)
        return data


def read_text(path: str, limit: int = TEXT, encoding: str = "utf-8", errors: str = "replace") -> str:
    """Return a file's text, with line ends as Python has them.

    Args:
        path: The file.
        limit: The size in bytes that it may have.
        encoding: Its encoding; ``utf-8-sig`` drops a mark at its beginning.
        errors: What happens to bytes that are no text of that encoding: ``replace`` or ``strict``.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger.
        UnicodeDecodeError: With ``strict``, it is no text.
    """
    return read_bytes(path, limit).decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")


def marked(data: bytes) -> str:
    """Return the encoding that the mark at the beginning of a text names; empty where it has none.

    PowerShell's ``>`` writes UTF-16 with a mark, Notepad UTF-8 with one. Decoded, the mark is the text's first
    character, so that encoding the text again gives the same bytes.
    """
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")


def decoded(data: bytes, errors: str = "replace") -> str:
    """Return what a person's tools wrote as text, without the mark.

    Raises:
        UnicodeDecodeError: With ``errors`` ``strict``, it is no text of the encoding that its mark names, or UTF-8.
    """
    return data.decode(marked(data) or "utf-8", errors).removeprefix("\ufeff")


def read_condas(path: str, limit: int = TEXT) -> str:
    """Return the text of a file that conda keeps: UTF-8, or on Windows the code page, in which conda writes there.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger.
        UnicodeDecodeError: It is no text.
    """
    try:
        return read_text(path, limit, errors="strict")
    except UnicodeDecodeError:
        if os.name != "nt":
            raise
        return read_text(path, limit, "mbcs", "strict")


def read_start(path: str, size: int) -> str:
    """Return the first bytes of a file as text, whatever follows them.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_raw(path) as stream:
        return _text(stream.read(size))


def _text(data: bytes) -> str:
    # No path and no name holds a zero byte, and the system takes none.
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "\ufffd")


def read_ends(path: str, first: int, last: int) -> tuple[str, str]:
    """Return the first and the last bytes of a file as text; where the first are all there is, these are both.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_raw(path) as stream:
        start = stream.read(first)
        if len(start) < first:
            return _text(start), _text(start)
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - last))
        return _text(start), _text(stream.read(last))


def read_input(limit: int = TEXT) -> bytes:
    """Return what is on standard input.

    Raises:
        UsageError: It is closed, or there is more.
    """
    if sys.stdin is None:
        raise UsageError("Standard input cannot be read: it is closed; name a file.")
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise UsageError(f"Standard input cannot be read: there is more than {limit // MB} MB.")
    return data


# What ``json.JSONDecoder`` tells the scanner in C that it calls.
_PLAIN = {
    "strict": True, "object_hook": None, "object_pairs_hook": None, "parse_float": float, "parse_int": int,
    "parse_constant": {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__,
}  # fmt: skip
try:
    from _json import make_scanner
except ImportError:  # another Python than CPython
    _scan = None
else:
    _scan = make_scanner(type("Plain", (), _PLAIN))  # type: ignore[arg-type]
_BLANK = " \t\r\n"


def load_json(text: str | bytes) -> Any:
    """Parse JSON.

    The scanner of :mod:`json` is called as that module calls it: importing it costs half as much as starting Python,
    and it is needed only to say what is wrong.

    Raises:
        ValueError: It is not valid JSON, or nested too deeply.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if _scan:
            with Ignored(StopIteration, ValueError):
                value, end = _scan(text, len(text) - len(text.lstrip(_BLANK)) if text[:1] in _BLANK else 0)
                if not text[end:].strip(_BLANK):
                    return value
        import json

        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def venv_settings(prefix: str) -> dict[str, str]:
    """Return the settings of a venv's ``pyvenv.cfg`` (PEP 405), keys in lower case; empty where it cannot be read."""
    try:
        lines = read_start(os.path.join(prefix, "pyvenv.cfg"), SMALL).splitlines()
    except OSError:
        return {}
    return {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


def load_toml(text: str, path: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        UsageError: It is not valid TOML.
    """
    toml = __import__("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        parsed: dict[str, Any] = toml.loads(text)
        return parsed
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The file {path} is not valid TOML: {error}; correct it there.") from None


# An alias stands for all that its anchor holds; a few hundred bytes can so stand for billions of entries.
_MOST_ENTRIES = 100_000
# Nothing that anybody writes is nested a tenth as deeply, and a parser takes seconds to find out that it fails.
_DEEPEST = 200


def _entries(node: Any, known: dict[int, int]) -> int:
    """Return how many entries a composed node holds with every alias written out; one that holds itself has no end."""
    if id(node) not in known:
        known[id(node)] = _MOST_ENTRIES + 1
        held = node.value if isinstance(node.value, list) else []
        parts = [part for entry in held for part in (entry if isinstance(entry, tuple) else (entry,))]
        known[id(node)] = 1 + sum(_entries(part, known) for part in parts)
    return known[id(node)]


def _check_depth(text: str) -> None:
    """Refuse YAML that opens more brackets, or begins more lists in one line, than anything nested does."""
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
    if re.search(rf"(?:[-?:] ){{{_DEEPEST}}}", text):
        raise ValueError("it is nested too deeply")


class BadYamlError(ValueError):
    """A text is no YAML, or more than anybody writes.

    Attributes:
        line: The 1-based line; 0 where none tells.
    """

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(" ".join(problem.split())[:200])
        self.line = line


def compose_yaml(text: str, pure: bool = True) -> Any:
    """Return the root node of a YAML text, with the places of everything in it; ``None`` where there is nothing.

    Args:
        text: The text.
        pure: Whether it is parsed in Python; libyaml is ten times as fast where it is there, and its messages say less.

    Raises:
        BadYamlError: It is not valid YAML, or its aliases expand without end.
    """
    return _parsed(text, True, pure)


def _parsed(text: str, nodes: bool = False, pure: bool = True) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        _check_depth(text)
        # Without anchors there are no aliases, and nothing is larger than its text.
        if nodes or ("&" in text and "*" in text):
            root = YAML(typ="safe", pure=pure).compose(text)
            if root is not None and _entries(root, {}) > max(_MOST_ENTRIES, len(text)):
                raise ValueError(f"its aliases expand to more than {_MOST_ENTRIES:,} entries")
            if nodes:
                return root
        if not pure:
            with Ignored(Exception):  # its messages say less: what it refuses is read again
                return YAML(typ="base", pure=False).load(text)
        return YAML(typ="base", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise BadYamlError(str(error.problem or error.context or "it cannot be parsed"), line) from None
    except RecursionError:
        raise BadYamlError("it is nested too deeply") from None
    except (YAMLError, ValueError, AttributeError, TypeError, LookupError, AssertionError) as error:
        raise BadYamlError(str(error) or type(error).__name__) from None


def load_yaml(text: str, path: str, by_a_program: bool = False) -> Any:
    """Parse YAML with every scalar left as text: a version ``1.10`` is no number.

    Args:
        text: The text.
        path: Its file.
        by_a_program: Whether a program wrote it: then libyaml reads it where it is there, in a quarter of the time. It
            takes tabs and other things that conda refuses, which no program writes.

    Raises:
        UsageError: It is not valid YAML, or its aliases expand without end.
    """
    try:
        return _parsed(text, pure=not by_a_program)
    except BadYamlError as error:
        line = f" in line {error.line}" if error.line else ""
        raise UsageError(f"The file {path} is not valid YAML{line}: {error}; correct it there.") from None
