"""What packages recorded about their binaries: conda's ``paths_data``, pip's RECORD."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from .. import reading
from .._typing import NamedTuple
from ..names import MEMBERS, normalise

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
    "numpy": re.compile(r"(?:_multiarray_umath|_umath_linalg)\."),
    "ml-dtypes": re.compile(r"(?:_ml_dtypes_ext|_custom_floats)\."),
    "h5py": re.compile(r"(?:_errors|defs|h5)\."),
}
# One line of RECORD (PEP 376): path, hash, size; a path with a comma is quoted, and is none of TensorFlow's.
_RECORD_LINE = re.compile(
    r"^(?P<path>[^,\r\n]+\.(?:pyd|dll|dylib|so(?:\.\d+)*)),(?:sha256=(?P<hash>[\w-]+))?,(?P<size>\d{0,18})\r?$",
    re.M | re.I,
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
    """

    path: str
    sha256: str
    size: int
    source: str
    owner: str
    manager: str
    rewritten: bool = False


def recorded_files(prefix: str, site_packages: str, every: bool = False) -> list[Recorded]:
    """Return the binaries of TensorFlow's stack as its packages recorded them, pip's and conda's.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        every: The binaries of all packages, not only of the stack.

    Returns:
        Files that should be there, whether they are or not. Empty where no package says anything.
    """
    wanted = re.compile("") if every else STACK
    return [*_from_pip(prefix, site_packages, wanted), *_from_conda(prefix, wanted)]


def _from_pip(prefix: str, site_packages: str, wanted: re.Pattern[str]) -> Iterator[Recorded]:
    try:
        entries = sorted(os.listdir(site_packages))
    except OSError:
        return
    for entry in entries:
        owner = normalise(entry.split("-")[0])
        if not entry.endswith(".dist-info") or not wanted.match(owner):
            continue
        folder = os.path.join(site_packages, entry)
        # conda-build changes binaries after the wheel was made: where conda installed, its record is the truth.
        if read_text(os.path.join(folder, "INSTALLER"), 64).strip().lower() == "conda":
            continue
        record = os.path.join(folder, "RECORD")
        source = os.path.relpath(record, prefix).replace(os.sep, "/")
        for match in _RECORD_LINE.finditer(read_text(record)):
            if match["path"].startswith("/") or ":" in match["path"]:
                continue
            path = os.path.normpath(os.path.join(site_packages, *match["path"].split("/")))
            # RECORD may name scripts outside site-packages; binaries of a stack are all within.
            if path.startswith(site_packages + os.sep):
                size = int(match["size"]) if match["size"] else -1
                yield Recorded(path, hexadecimal(match["hash"] or ""), size, source, owner, "pip")


def _from_conda(prefix: str, wanted: re.Pattern[str]) -> Iterator[Recorded]:
    folder = os.path.join(prefix, "conda-meta")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        return
    for name in names:
        owner = normalise(name[:-5].rsplit("-", 2)[0])
        if not wanted.match(owner):
            continue
        try:
            record = reading.load_json(read_text(os.path.join(folder, name)))
            paths = (record.get("paths_data") or {}).get("paths") or ()
            files = [(str(entry["_path"]), entry) for entry in paths] or [
                (str(f), {}) for f in record.get("files") or ()
            ]
        except (ValueError, AttributeError, KeyError, TypeError):
            continue
        for file, entry in files:
            outside = ".." in re.split(r"[\\/]", file) or ":" in file or "\0" in file
            if outside or not BINARY.search(file) or entry.get("path_type") == "softlink":
                continue
            rewritten = bool(entry.get("prefix_placeholder"))
            digest = entry.get("sha256_in_prefix") or ("" if rewritten else entry.get("sha256")) or ""
            size = entry.get("size_in_bytes")
            size = size if isinstance(size, int) else -1
            path = os.path.join(prefix, *file.split("/"))
            yield Recorded(path, str(digest), size, f"conda-meta/{name}", owner, "conda", rewritten)


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
    import base64

    try:
        return base64.urlsafe_b64decode(urlsafe + "=" * (-len(urlsafe) % 4)).hex()
    except ValueError:
        return ""
