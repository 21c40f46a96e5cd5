"""What packages recorded about their binaries: conda's ``paths_data``, pip's RECORD."""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable, Iterator

from .. import reading
from .._typing import TYPE_CHECKING, NamedTuple
from ..names import MEMBERS, normalise

if TYPE_CHECKING:
    from .remembered import Remembered

BINARY = re.compile(r"\.(?:pyd|dll|dylib|so(?:\.\d+)*)\Z", re.I)
# Packages that hold TensorFlow's own binaries, by normalised name, whoever built them.
TENSORFLOW = re.compile(
    r"(?:intel-|nvidia-)?(?:tensorflow|tf-nightly)(?:-(?:base|cpu|gpu|gpu-base|intel|macos|rocm|directml|aarch64|cpu-aws))?"
    r"\Z|libtensorflow"
)
# And those of the packages that are imported with it.
STACK = re.compile("|".join((TENSORFLOW.pattern, *(rf"{name}\Z" for name, member in MEMBERS.items() if member.native))))
# Modules without which a package that TensorFlow imports does not import; other extensions have a substitute in Python,
# or are for tests, which people delete to make images smaller.
VITAL = {
    "numpy": r"(?:_multiarray_umath|_umath_linalg)\.",
    "ml-dtypes": r"(?:_ml_dtypes_ext|_custom_floats)\.",
    "h5py": r"(?:_errors|defs|h5)\.",
}
# One line of RECORD (PEP 376): path, hash, size; a path with a comma is quoted, and is none of TensorFlow's.
_RECORD_LINE = re.compile(
    r"(?P<path>[^,\r\n]+\.(?:pyd|dll|dylib|so(?:\.\d+)*)),(?:sha256=(?P<hash>[\w-]+))?,(?P<size>\d{0,18})\r?$", re.I
)


class Recorded(NamedTuple):
    """What a package recorded about one of its files.

    Attributes:
        path: Absolute path.
        sha256: Hexadecimal; empty where none was recorded.
        size: In bytes; -1 where none was recorded.
        source: The record, relative to the prefix.
        owner: The package, normalised.
        manager: ``pip`` or ``conda``.
        rewritten: Whether conda wrote the prefix into it at installation, so that only some tools know its final hash.
        written: When the record was written, in nanoseconds; 0 where that is not known.
    """

    path: str
    sha256: str
    size: int
    source: str
    owner: str
    manager: str
    rewritten: bool = False
    written: int = 0


def recorded_files(
    prefix: str, site_packages: str, every: bool = False, kept: Remembered | None = None
) -> list[Recorded]:
    """Return the binaries of TensorFlow's stack as its packages recorded them, pip's and conda's.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        every: The binaries of all packages, not only of the stack.
        kept: What earlier runs read of the records, and remembers this one.

    Returns:
        Files that should be there, whether they are or not. Empty where no package says anything.
    """
    wanted = re.compile("") if every else STACK
    return [*_from_pip(prefix, site_packages, wanted, kept), *_from_conda(prefix, wanted, kept)]


# A path with "/" below site-packages or the prefix, SHA-256, size, and whether conda has written the prefix into it.
_Listed = tuple[str, str, int, bool]


def _listed(
    record: str, kept: Remembered | None, read: Callable[[str], Iterator[_Listed]]
) -> tuple[int, list[_Listed]]:
    """Return when a record was written, in nanoseconds, and the binaries it lists; one read before is not opened."""
    try:
        facts = os.stat(record)
    except OSError:
        return 0, []
    found = kept.of("binaries", record, facts) if kept else None
    if not isinstance(found, list):
        found = list(read(record))
        if kept:
            kept.remember("binaries", record, facts, found)
    return facts.st_mtime_ns, found


def _from_pip(prefix: str, site_packages: str, wanted: re.Pattern[str], kept: Remembered | None) -> Iterator[Recorded]:
    try:
        entries = sorted(os.listdir(site_packages))
    except OSError:
        return
    for entry in entries:
        owner = normalise(entry.split("-")[0])
        # What pip renamed aside while it took a package away (~umpy) is nobody's record any more.
        if not entry.endswith(".dist-info") or entry.startswith("~") or not wanted.match(owner):
            continue
        folder = os.path.join(site_packages, entry)
        # conda-build changes binaries after the wheel was made: where conda installed, its record is the truth.
        if read_text(os.path.join(folder, "INSTALLER"), 64).strip().lower() == "conda":
            continue
        record = os.path.join(folder, "RECORD")
        source = os.path.relpath(record, prefix).replace(os.sep, "/")
        written, listed = _listed(record, kept, _of_record)
        for file, digest, size, _ in listed:
            path = os.path.normpath(os.path.join(site_packages, *file.split("/")))
            # RECORD may name scripts outside site-packages; binaries of a stack are all within.
            if path.startswith(site_packages + os.sep):
                yield Recorded(path, digest, size, source, owner, "pip", written=written)


def _of_record(record: str) -> Iterator[_Listed]:
    # Of ten thousand lines some seventy are of binaries, and one look for a dot and a letter leaves few others.
    for line in read_text(record).split("\n"):
        may = ".so" in line or ".pyd," in line or ".dll," in line or ".dylib," in line or ".DLL," in line
        match = _RECORD_LINE.match(line) if may else None
        if match and not match["path"].startswith("/") and ":" not in match["path"]:
            yield match["path"], hexadecimal(match["hash"] or ""), int(match["size"]) if match["size"] else -1, False


def _from_conda(prefix: str, wanted: re.Pattern[str], kept: Remembered | None) -> Iterator[Recorded]:
    folder = os.path.join(prefix, "conda-meta")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        return
    for name in names:
        owner = normalise(name[:-5].rsplit("-", 2)[0])
        if not wanted.match(owner):
            continue
        written, listed = _listed(os.path.join(folder, name), kept, _of_conda)
        for file, digest, size, rewritten in listed:
            path = os.path.join(prefix, *file.split("/"))
            yield Recorded(path, digest, size, f"conda-meta/{name}", owner, "conda", rewritten, written)


def _of_conda(path: str) -> Iterator[_Listed]:
    try:
        record = reading.load_json(read_text(path))
        paths = (record.get("paths_data") or {}).get("paths") or ()
        files = [(str(entry["_path"]), entry) for entry in paths] or [(str(f), {}) for f in record.get("files") or ()]
    except (ValueError, AttributeError, KeyError, TypeError):
        return
    for file, entry in files:
        outside = ".." in re.split(r"[\\/]", file) or ":" in file or "\0" in file
        if outside or not BINARY.search(file) or entry.get("path_type") == "softlink":
            continue
        rewritten = bool(entry.get("prefix_placeholder"))
        digest = entry.get("sha256_in_prefix") or ("" if rewritten else entry.get("sha256")) or ""
        size = entry.get("size_in_bytes")
        yield file, str(digest), size if isinstance(size, int) else -1, rewritten


def read_text(path: str, limit: int = 64 * 1024 * 1024) -> str:
    """Return a file's text, whatever its bytes; empty where it cannot be read."""
    try:
        return reading.read_start(path, limit)
    except OSError:
        return ""


def recorded_hash(record: str, path: str) -> str:
    """Return the SHA-256 (hexadecimal) that the text of a RECORD gives for a file; empty where it gives none."""
    found = re.search(rf"^{re.escape(path)},sha256=([\w-]+),", record, re.M)
    return hexadecimal(found.group(1)) if found else ""


def hexadecimal(urlsafe: str) -> str:
    """Return a RECORD hash (URL-safe base64 without padding) as hexadecimal digits."""
    plain = urlsafe.replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4)).hex()
    except ValueError:
        return ""
