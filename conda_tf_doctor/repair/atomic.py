"""Files that are always either old or new: written aside, flushed to the disk, and renamed."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .. import reading
from ..errors import UsageError
from ..names import windows_forbids
from . import children


def write(path: str, data: bytes, follow: bool = True) -> None:
    """Replace a file's content at once; see :func:`aside`.

    Args:
        path: The file.
        data: Its content.
        follow: As there.

    Raises:
        OSError: The disk is full, or the folder cannot be written; the old content is still there.
    """
    with aside(path, follow) as scratch, open(scratch, "wb") as stream:
        stream.write(data)


@contextmanager
def aside(path: str, follow: bool = True) -> Iterator[str]:
    """Yield the name of a file to write, which takes the place of another one at the end; where it fails, none does.

    Whoever reads it meanwhile, or is killed, has the old or the new one.

    Args:
        path: The file; a device or a pipe is yielded itself.
        follow: Whether a link stays one, and what it leads to is replaced; files of ours alone are no links.

    Raises:
        OSError: The disk is full, the folder cannot be written, or nobody reads the pipe; the old content is there.
    """
    name = os.path.basename(path)
    why = windows_forbids(name) if os.name == "nt" and name.lower() != os.devnull else ""
    if why:  # else it goes into a stream of another file, or under another name
        raise OSError(errno.EINVAL, why, path)
    if follow and not _replaceable(path):
        with _read_by_somebody(path):
            yield path  # before links are followed: that of /dev/stdout leads to a pipe that has no name
        return
    path = os.path.realpath(path) if follow else path
    folder = os.path.dirname(path) or "."
    handle, scratch = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".new", dir=folder)
    os.close(handle)
    try:
        yield scratch
        with open(scratch, "r+b") as stream:
            os.fsync(stream.fileno())
        _keep_mode(path, scratch)
        os.replace(scratch, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)
        raise
    _flush_folder(folder)


def _replaceable(path: str) -> bool:
    """Tell whether a path is to be replaced by a new file: a device or a pipe is to be written to.

    Raises:
        PermissionError: It is a file that its owner protected from writing; renaming over it would go all the same.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return True
    if not stat.S_ISREG(mode):
        return False
    if not mode & 0o222:
        raise PermissionError(errno.EACCES, "it is write-protected", path)
    return True


@contextmanager
def _read_by_somebody(path: str) -> Iterator[None]:
    """Hold a pipe's writing end, so that opening it does not wait for a reader, who may never come.

    Raises:
        OSError: Nobody reads it.
    """
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        yield
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        raise OSError(error.errno, "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror) from None
    try:
        yield
    finally:
        os.close(handle)


def _keep_mode(path: str, scratch: str) -> None:
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    with suppress(OSError):
        os.chmod(scratch, mode)


def _flush_folder(folder: str) -> None:
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove(path: str) -> None:
    """Remove a file; one that is not there is no error."""
    with suppress(FileNotFoundError):
        os.unlink(path)
        _flush_folder(os.path.dirname(path))


def read(path: str) -> bytes | None:
    """Return a file's content, or ``None`` where there is no such file."""
    try:
        return reading.read_bytes(path)
    except FileNotFoundError:
        return None


def sweep(folder: str, name: str) -> None:
    """Remove what a killed write of that file left behind."""
    for entry in os.listdir(folder):
        if entry.startswith(f".{name}.") and entry.endswith(".new"):
            remove(os.path.join(folder, entry))


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the lock on an environment against other repairs; the system drops it with a process that dies.

    Args:
        folder: Where its journal is: a venv itself, ``conda-meta`` of what conda made.

    Raises:
        UsageError: Another repair holds it.
    """
    path = os.path.join(folder, ".tf-doctor.lock")
    # No link is followed, and nothing is waited for: a pipe in its place is no lock.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags, 0o666)
    except OSError as error:
        raise UsageError(f"The lock {path} cannot be taken: {error.strerror}; remove it where it is a link.") from None
    try:
        try:
            _lock(handle)
        except OSError:
            where = folder.removesuffix(f"{os.sep}conda-meta")
            raise UsageError(
                f"Another conda-tf-doctor is at work in {where}, or what it started; wait for it to end."
            ) from None
        # What a repair starts holds it as well: a conda that outlives it is still at work.
        children.held.add(handle)
        yield
    finally:
        children.held.discard(handle)
        os.close(handle)


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
