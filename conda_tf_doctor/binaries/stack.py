"""Which files of an environment are TensorFlow's own binaries, and what their packages recorded about them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

BINARY = re.compile(r"\.(?:pyd|dll|dylib|so(?:\.\d+)*)\Z", re.I)
# One line of RECORD (PEP 376): path, hash, size; a path with a comma is quoted, and is none of TensorFlow's.
_RECORD_LINE = re.compile(
    r"^(?P<path>[^,\r\n]+\.(?:pyd|dll|dylib|so(?:\.\d+)*)),(?:sha256=(?P<hash>[\w-]+))?,(?P<size>\d*)\r?$", re.M | re.I
)
_OWNER = re.compile(
    r"(?:intel_|nvidia_)?(?:tensorflow|tf_nightly)(?:_(?:cpu|gpu|intel|macos|rocm|directml|aarch64|cpu_aws))?-"
)
_CONDA_OWNER = re.compile(r"(?:tensorflow(?:-base|-gpu|-gpu-base|-cpu)?|libtensorflow[\w]*)-[^-]+-[^-]+\.json\Z")

# What `import tensorflow` loads before all others, newest layout first.
MAIN = (
    "tensorflow/python/_pywrap_tensorflow_internal.pyd",
    "tensorflow/python/_pywrap_tensorflow_internal.so",
    "tensorflow/python/_pywrap_tensorflow.pyd",
    "tensorflow/python/_pywrap_tensorflow.so",
)


class Recorded(NamedTuple):
    """What a package recorded about one of its files.

    Attributes:
        path: Absolute path.
        sha256: Hexadecimal; empty where none was recorded.
        size: In bytes; -1 where none was recorded.
        source: The record, relative to the prefix.
        manager: ``pip`` or ``conda``.
        rewritten: Whether conda wrote the prefix into it at installation, so that only some tools know its final hash.
    """

    path: str
    sha256: str
    size: int
    source: str
    manager: str
    rewritten: bool = False


def stack_files(prefix: str, site_packages: str) -> list[Recorded]:
    """Return TensorFlow's binaries as its packages recorded them, pip's and conda's.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.

    Returns:
        Files that should be there, whether they are or not. Empty where no package says anything.
    """
    return [*_from_pip(prefix, site_packages), *_from_conda(prefix)]


def _from_pip(prefix: str, site_packages: str) -> Iterator[Recorded]:
    try:
        entries = sorted(os.listdir(site_packages))
    except OSError:
        return
    for entry in entries:
        if not entry.endswith(".dist-info") or not _OWNER.match(entry):
            continue
        folder = os.path.join(site_packages, entry)
        # conda-build changes binaries after the wheel was made: where conda installed, its record is the truth.
        if _read(os.path.join(folder, "INSTALLER"), 64).strip().lower() == "conda":
            continue
        record = os.path.join(folder, "RECORD")
        source = os.path.relpath(record, prefix).replace(os.sep, "/")
        for match in _RECORD_LINE.finditer(_read(record)):
            if match["path"].startswith("/") or ":" in match["path"]:
                continue
            path = os.path.normpath(os.path.join(site_packages, *match["path"].split("/")))
            # RECORD may name scripts outside site-packages, but TensorFlow's binaries are all within.
            if path.startswith(site_packages + os.sep):
                size = int(match["size"]) if match["size"] else -1
                yield Recorded(path, _hex(match["hash"] or ""), size, source, "pip")


def _from_conda(prefix: str) -> Iterator[Recorded]:
    folder = os.path.join(prefix, "conda-meta")
    try:
        names = sorted(name for name in os.listdir(folder) if _CONDA_OWNER.match(name))
    except OSError:
        return
    for name in names:
        try:
            record = json.loads(_read(os.path.join(folder, name)))
            paths = (record.get("paths_data") or {}).get("paths") or ()
            files = [(str(entry["_path"]), entry) for entry in paths] or [
                (str(f), {}) for f in record.get("files") or ()
            ]
        except (ValueError, AttributeError, KeyError, TypeError):
            continue
        for file, entry in files:
            outside = ".." in re.split(r"[\\/]", file) or ":" in file
            if outside or not BINARY.search(file) or entry.get("path_type") == "softlink":
                continue
            rewritten = bool(entry.get("prefix_placeholder"))
            digest = entry.get("sha256_in_prefix") or ("" if rewritten else entry.get("sha256")) or ""
            size = entry.get("size_in_bytes")
            path = os.path.join(prefix, *file.split("/"))
            yield Recorded(
                path, str(digest), size if isinstance(size, int) else -1, f"conda-meta/{name}", "conda", rewritten
            )


def _read(path: str, limit: int = 64 * 1024 * 1024) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(limit)
    except OSError:
        return ""


def _hex(urlsafe: str) -> str:
    """Return a RECORD hash (URL-safe base64 without padding) as hexadecimal digits."""
    import base64
    import binascii

    try:
        return base64.urlsafe_b64decode(urlsafe + "=" * (-len(urlsafe) % 4)).hex()
    except (binascii.Error, ValueError):
        return ""


def find_stack_modules(prefix: str, site_packages: str, recorded: list[Recorded] | None = None) -> list[str]:
    """Return TensorFlow's own binaries in the order of their import: the main one first.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        recorded: What :func:`stack_files` returned, where the caller has it.

    Returns:
        Paths of files that exist; empty where there are none.
    """
    folder = os.path.join(site_packages, "tensorflow")
    if not site_packages or not os.path.isdir(folder):
        return []
    recorded = stack_files(prefix, site_packages) if recorded is None else recorded
    found = [entry.path for entry in recorded if os.path.isfile(entry.path)]
    if not found:
        found = list(_walk(folder))
    main = [os.path.join(site_packages, *name.split("/")) for name in MAIN]
    order = {path: place for place, path in enumerate(main)}
    return sorted(dict.fromkeys(found), key=lambda path: (order.get(path, len(order)), path))


def _walk(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        # Headers and test data: 10,000 files without a binary.
        folders[:] = [name for name in folders if name not in ("include", "__pycache__")]
        for name in files:
            if BINARY.search(name):
                yield os.path.join(root, name)


def added_folders(site_packages: str) -> tuple[str, ...]:
    """Return the ``*.libs`` folders that wheels add with ``os.add_dll_directory`` when they are imported."""
    try:
        with os.scandir(site_packages) as entries:
            return tuple(sorted(entry.path for entry in entries if entry.name.endswith(".libs") and entry.is_dir()))
    except OSError:
        return ()


def build_info(site_packages: str) -> dict[str, str]:
    """Return what TensorFlow's own ``build_info.py`` says, as text: which runtime DLLs it preloads, above all."""
    path = os.path.join(site_packages, "tensorflow", "python", "platform", "build_info.py")
    text = _read(path, 1 << 20)
    return dict(re.findall(r"""['"](\w+)['"]\s*[,:]\s*['"]([^'"\n]*)['"]""", text))
