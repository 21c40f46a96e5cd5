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
from importlib import import_module

from ._typing import Any
from .errors import UsageError

KB, MB = 1 << 10, 1 << 20
# The largest of each kind that was seen in the wild is a fraction of these.
SMALL = 64 * KB
SETTINGS = MB
TEXT = 16 * MB
RECORD = 64 * MB
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
    handle = os.open(path, _FLAGS)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            reason = next((words for test, words in _KINDS if test(mode)), "it is no regular file")
            raise OSError(errno.EINVAL, reason, path)
    except BaseException:
        os.close(handle)
        raise
    return io.FileIO(handle, "rb")


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


def read_start(path: str, size: int) -> str:
    """Return the first bytes of a file as text, whatever follows them.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_raw(path) as stream:
        return stream.read(size).decode("utf-8", "replace").replace("\r\n", "\n")


def load_toml(text: str, path: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        UsageError: It is not valid TOML.
    """
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        parsed: dict[str, Any] = toml.loads(text)
        return parsed
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The file {path} is not valid TOML: {error}; correct it there.") from None


# An alias stands for all that its anchor holds; a few hundred bytes can so stand for billions of entries.
_MOST_ENTRIES = 100_000


def _entries(node: Any, known: dict[int, int]) -> int:
    """Return how many entries a composed node holds with every alias written out; one that holds itself has no end."""
    if id(node) not in known:
        known[id(node)] = _MOST_ENTRIES + 1
        held = node.value if isinstance(node.value, list) else []
        parts = [part for entry in held for part in (entry if isinstance(entry, tuple) else (entry,))]
        known[id(node)] = 1 + sum(_entries(part, known) for part in parts)
    return known[id(node)]


def check_size(root: Any) -> None:
    """Refuse a composed document of YAML that is too large with every alias written out.

    Raises:
        ValueError: It is; one that holds itself always.
    """
    if root is not None and _entries(root, {}) > _MOST_ENTRIES:
        raise ValueError(f"its aliases expand to more than {_MOST_ENTRIES:,} entries")


def check_aliases(text: str) -> None:
    """Refuse YAML whose aliases expand to more than anything that a person writes.

    Raises:
        ValueError: They do.
        ruamel.yaml.error.YAMLError: It is not valid YAML.
    """
    if "&" not in text or "*" not in text:
        return  # without anchors there are no aliases, and nothing is larger than its text
    from ruamel.yaml import YAML

    check_size(YAML(typ="safe", pure=True).compose(text))


def load_yaml(text: str, path: str) -> Any:
    """Parse YAML with every scalar left as text: a version ``1.10`` is no number.

    Raises:
        UsageError: It is not valid YAML, or its aliases expand without end.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        check_aliases(text)
        return YAML(typ="base", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        problem = " ".join(str(error.problem or error.context or "it cannot be parsed").split())
        raise UsageError(f"The file {path} is not valid YAML{line}: {problem}; correct it there.") from None
    except RecursionError:
        raise UsageError(f"The file {path} is not valid YAML: it is nested too deeply; correct it.") from None
    except (YAMLError, ValueError, AttributeError, TypeError) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(f"The file {path} is not valid YAML: {problem}; correct it.") from None
