"""What pip's own index has of a package: every file there is, and the metadata of single wheels.

pip is asked as a library, so its configuration (mirrors, proxies, credentials) holds and no index is named here. Its
own modules promise nothing to anyone: what is used of them stands here alone.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin
from zipfile import BadZipFile, ZipFile

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from conda_tf_doctor.errors import UsageError

PLATFORMS = ("win-64", "win-arm64", "linux-64", "linux-aarch64", "osx-64", "osx-arm64")
# The end of a wheel's platform tag, and the conda subdirs that it can be installed on.
_SUBDIRS = {
    "win_amd64": ("win-64",),
    "win_arm64": ("win-arm64",),
    "linux_x86_64": ("linux-64",),
    "linux_aarch64": ("linux-aarch64",),
    "macosx_x86_64": ("osx-64",),
    "macosx_intel": ("osx-64",),
    "macosx_arm64": ("osx-arm64",),
    "macosx_universal2": ("osx-64", "osx-arm64"),
    "any": PLATFORMS,
}
_JSON = "application/vnd.pypi.simple.v1+json"


class File(NamedTuple):
    """One file of a package.

    Attributes:
        name: Its name.
        url: Where it is.
        version: Of the package, as PEP 440 normalises it.
        requires_python: As declared; empty for none.
        date: Day of upload (ISO); empty where the index does not say.
        yanked: Whether it was withdrawn.
        tags: Of a wheel; empty for a source distribution.
    """

    name: str
    url: str
    version: str
    requires_python: str
    date: str
    yanked: bool
    tags: frozenset[Tag] = frozenset()

    def admits(self, minor: str) -> bool:
        """Tell whether its ``requires_python`` admits the patch releases of a minor."""
        return not self.requires_python or SpecifierSet(self.requires_python).contains(f"{minor}.99", True)

    def coverage(self) -> Iterator[tuple[str, str, bool]]:
        """Yield conda subdir, Python's minor, and whether later minors are covered, too, for each tag of a wheel."""
        for tag in self.tags:
            interpreter, digits = tag.interpreter[:2], tag.interpreter[2:]
            minor = f"{digits[0]}.{digits[1:] or 0}" if digits.isdigit() else ""
            if not minor or interpreter not in ("cp", "py") or tag.abi.endswith("t"):
                continue  # PyPy, and builds without the GIL, which have no TensorFlow
            later = interpreter == "py" or tag.abi == "abi3"
            for subdir in _SUBDIRS.get(_family(tag.platform), ()):
                yield subdir, minor, later


def _family(platform: str) -> str:
    """Return a platform tag without its versions: ``linux_x86_64`` for ``manylinux_2_17_x86_64``."""
    system = next((name for name in ("manylinux", "macosx") if platform.startswith(name)), "")
    if not system:
        return platform
    rest = platform.removeprefix(system).lstrip("0123456789_")
    # manylinux1_x86_64 to manylinux_2_17_x86_64: the architecture begins with a letter.
    return f"{system.removeprefix('many')}_{rest}"


class Index:
    """The index that pip is configured to use."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def _session(self) -> tuple[Any, list[str]]:
        """Return pip's session and the pages' roots; a session belongs to one thread."""
        from pip._internal.commands import create_command

        if not hasattr(self._of_thread, "session"):
            command: Any = create_command("download")
            options, _ = command.parse_args(["x"])
            urls = [options.index_url, *options.extra_index_urls]
            self._of_thread.roots = [url.rstrip("/") for url in urls if url.startswith("http")]
            self._of_thread.session = command._build_session(options)
        return self._of_thread.session, self._of_thread.roots

    def files(self, package: str) -> list[File]:
        """Return every wheel and source distribution of a package; nothing where the index has no such package.

        Raises:
            UsageError: The index gives no answer, or none in JSON (PEP 691).
        """
        session, roots = self._session()
        found: list[File] = []
        for root in roots:
            answer = session.get(f"{root}/{package}/", headers={"Accept": _JSON, "Cache-Control": "max-age=0"})
            if answer.status_code == 404:
                continue
            if answer.status_code != 200 or "json" not in answer.headers.get("Content-Type", ""):
                raise UsageError(f"{root} does not describe {package} in JSON (status {answer.status_code})")
            entries = ({**entry, "url": urljoin(answer.url, entry["url"])} for entry in answer.json()["files"])
            found += [file for entry in entries if (file := _file(entry)) is not None]
        return found

    def metadata(self, file: File) -> Message:
        """Return a wheel's core metadata.

        Raises:
            UsageError: The index does not give the wheel.
        """
        members = self.members(file, r"^[^/]+\.dist-info/METADATA$")
        if not members:
            raise UsageError(f"{file.name} has no metadata")
        return message_from_bytes(next(iter(members.values())))

    def members(self, file: File, pattern: str) -> dict[str, bytes]:
        """Return the members of a wheel whose path matches, by path.

        Only they are downloaded where the index gives parts of a file: they had better be small.

        Raises:
            UsageError: The index does not give the wheel.
        """
        from pip._internal.exceptions import PipError
        from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, LazyZipOverHTTP
        from pip._vendor.requests.exceptions import RequestException

        session, _ = self._session()
        try:
            try:
                with LazyZipOverHTTP(file.url, session) as stream:
                    return _matching(stream, pattern)
            except HTTPRangeRequestUnsupported:
                with tempfile.TemporaryDirectory() as folder, self.download(file, Path(folder)).open("rb") as stream:
                    return _matching(stream, pattern)
        except (PipError, RequestException, BadZipFile) as error:
            raise UsageError(f"{file.name} cannot be read ({error})") from error

    def download(self, file: File, folder: Path) -> Path:
        """Download a file into a folder and return its path.

        Raises:
            UsageError: The index does not give it.
        """
        session, _ = self._session()
        target = folder / file.name
        with session.get(file.url, stream=True) as answer, target.open("wb") as out:
            if answer.status_code != 200:
                raise UsageError(f"{file.name} cannot be downloaded (status {answer.status_code})")
            for block in answer.iter_content(1 << 20):
                out.write(block)
        return target


def _matching(stream: Any, pattern: str) -> dict[str, bytes]:
    with ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist() if re.search(pattern, name)}


def _file(entry: dict[str, Any]) -> File | None:
    """Return an entry of a page; ``None`` for what is no wheel nor source distribution (eggs, installers, typos)."""
    name: str = entry["filename"]
    tags: frozenset[Tag] = frozenset()
    try:
        if name.endswith(".whl"):
            _, version, _, tags = parse_wheel_filename(name)
        else:
            _, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return File(
        name,
        entry["url"],
        str(version),
        entry.get("requires-python") or "",
        (entry.get("upload-time") or "")[:10],
        bool(entry.get("yanked")),
        tags,
    )
