"""The small facts by which the catalogue's conditions confirm or exclude a cause.

A fact is written as a word and an argument (``tensorflow >=2.1``, ``not gpu-build``, ``found TFD301``) and is true,
false, or unknown (``None``); a condition holds only where all of its facts are true, so what is not known never
decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..findings import INFO, POSSIBLE
from ..versions import contains, minor
from .libraries import CUDA, CUDNN, LibraryName, parse_library

if TYPE_CHECKING:
    from ..findings import Finding
    from ..rules.context import Context

Truth = bool | None

_USER_SITE = re.compile(
    r"(?P<file>(?:[~/][^\s\"']*/\.local/lib/python[\d.]+/site-packages|~/\.local/lib/python[\d.]+/site-packages"
    r"|[^\n\"']*\\AppData\\Roaming\\Python\\Python\d+\\site-packages"
    r"|/Users/[^/\n\"']+/Library/Python/[\d.]+/lib/python/site-packages)"
    r"[\\/](?P<package>tensorflow\w*|numpy|keras|google|h5py|ml_dtypes|protobuf|tensorboard|wrapt|typing_extensions)[^\n\"']*)"
)
_TAG_PLATFORMS = {
    "win-64": ("win_amd64",),
    "win-32": ("win32",),
    "linux-64": ("x86_64", "linux"),
    "linux-aarch64": ("aarch64",),
    "osx-64": ("macosx", "x86_64"),
    "osx-arm64": ("macosx", "arm64"),
}


class Subject:
    """A text and the environment it comes from: what the facts are asked of.

    Args:
        text: The whole error text.
        context: The environment; ``None`` where only the text is known.
        findings: What the rules found in it.
    """

    def __init__(self, text: str, context: Context | None = None, findings: Iterable[Finding] = ()) -> None:
        self.text = text
        self.context = context
        # What a rule itself only holds possible does not decide between the causes of a text.
        self.found = {
            finding.code for finding in findings if finding.severity != INFO and finding.confidence != POSSIBLE
        }
        self.captured: Mapping[str, str] = {}

    def with_captured(self, captured: Mapping[str, str]) -> Subject:
        """Return this subject for the groups that one signature captured."""
        other = Subject(self.text, self.context)
        other.found, other.captured = self.found, captured
        return other

    @property
    def library(self) -> LibraryName:
        """The library that the message names."""
        return parse_library(self.captured.get("library", ""))

    @property
    def os(self) -> str:
        """``win``, ``linux``, ``osx``: the environment's, else what the text looks like."""
        if self.context is not None and self.context.env.os:
            return self.context.env.os
        if re.search(r"DLL load failed|WinError|\.dll\b|[A-Z]:\\|\\site-packages\\", self.text):
            return "win"
        if re.search(r"\.dylib|dyld|/Users/|macosx|Mac OS X|\bzsh: illegal hardware", self.text):
            return "osx"
        if re.search(r"\.so[.\d]*\b|/home/|/usr/lib|\(core dumped\)", self.text):
            return "linux"
        return ""

    def holds(self, facts: Iterable[str]) -> bool:
        """Tell whether all of these facts are true."""
        return all(self.truth(fact) for fact in facts)

    def truth(self, fact: str) -> Truth:
        """Return whether a fact is true, false or unknown.

        Raises:
            KeyError: There is no such fact.
        """
        if fact.startswith("not "):
            truth = self.truth(fact[4:])
            return None if truth is None else not truth
        word, _, argument = fact.partition(" ")
        return FACTS[word](self, argument)


def _os(name: str) -> Callable[[Subject, str], Truth]:
    def fact(subject: Subject, _: str) -> Truth:
        return subject.os == name if subject.os else None

    return fact


def _platform(subject: Subject, glob: str) -> Truth:
    if subject.context is None or not subject.context.env.platform:
        return None
    return fnmatchcase(subject.context.env.platform, glob)


def _within(spec: str, version: str) -> Truth:
    return contains(spec, version) if version else None


def _tensorflow(subject: Subject, spec: str) -> Truth:
    installed = subject.context.tensorflow if subject.context else None
    return _within(spec, installed.version) if installed else None


def _python(subject: Subject, spec: str) -> Truth:
    return _within(spec, subject.context.env.python.version) if subject.context else None


def _python_bits(subject: Subject, bits: str) -> Truth:
    found = subject.context.env.python.bits if subject.context else 0
    return found == int(bits) if found else None


def _machine(subject: Subject, glob: str) -> Truth:
    found = subject.context.env.system.machine if subject.context else ""
    return fnmatchcase(found, glob) if found else None


def _apple_silicon(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    env = subject.context.env
    if env.os != "osx":
        return False if env.os else None
    if env.platform == "osx-arm64" or env.system.machine == "arm64" or "Apple M" in env.system.cpu_model:
        return True
    return False if env.system.machine else None


def _avx(expected: bool) -> Callable[[Subject, str], Truth]:
    def fact(subject: Subject, _: str) -> Truth:
        found = subject.context.env.system.cpu_features.get("avx") if subject.context else None
        return None if found is None else found is expected

    return fact


def _vc(subject: Subject, spec: str) -> Truth:
    found = subject.context.env.system.vc_runtime if subject.context else ""
    return None if found in ("", "missing") else contains(spec, found)


def _vc_missing(subject: Subject, _: str) -> Truth:
    found = subject.context.env.system.vc_runtime if subject.context else ""
    return found == "missing" if found else None


def _conda_tensorflow(subject: Subject, _: str) -> Truth:
    context = subject.context
    if context is None:
        return None
    if context.tensorflow is None:
        # `_tflow_select` and its kin come from conda alone.
        return True if any(package.name.startswith(("-tflow", "_tflow")) for package in context.env.packages) else None
    if context.tensorflow.manager:
        return context.tensorflow.manager == "conda"
    return None


def _gpu_build(subject: Subject, _: str) -> Truth:
    context = subject.context
    if context is None or context.tensorflow is None:
        return None
    from ..environment.gpu import is_gpu_build

    if is_gpu_build(context.tensorflow, context.build):
        return True
    return context.build.variant == "gpu" if context.build else None


def _cpu_build(subject: Subject, argument: str) -> Truth:
    truth = _gpu_build(subject, argument)
    return None if truth is None else not truth


def _cuda_at_import(subject: Subject, argument: str) -> Truth:
    """Whether CUDA's libraries are imports, so that without them nothing imports: GPU builds up to 1.14."""
    context = subject.context
    if context is None or context.tensorflow is None:
        return None
    if context.build is not None:
        return context.build.variant == "gpu" and bool(context.build.load_time)
    gpu, version = _gpu_build(subject, argument), context.tensorflow.version
    if not version:
        return gpu
    if not contains("<1.15", version):
        return False
    return gpu


def _cuda_not_at_import(subject: Subject, argument: str) -> Truth:
    truth = _cuda_at_import(subject, argument)
    if truth is None and subject.context and subject.context.tensorflow:
        # `tensorflow` (not -gpu) of pip up to 1.14 is the CPU build on Windows.
        installed = subject.context.tensorflow
        return True if installed.version and installed.name == "tensorflow" and installed.manager == "pip" else None
    return None if truth is None else not truth


def _cuda_versions(subject: Subject) -> list[str]:
    context = subject.context
    if context is None:
        return []
    return [library.version for library in context.cuda if library.version] + [
        version.split()[0] for version in context.env.system.cuda_installed if version.strip()
    ]


def _cuda_in_environment(subject: Subject) -> list[str]:
    return [library.version for library in subject.context.cuda if library.version] if subject.context else []


def _cudnn_versions(subject: Subject) -> list[str]:
    context = subject.context
    if context is None:
        return []
    return [library.version for library in context.cudnn if library.version] + [
        version.split()[0] for version in context.env.system.cudnn_installed if version.strip()
    ]


def _wanted(subject: Subject, kind: str) -> str:
    """Return the range that the named library, or else the matrix row, wants."""
    library = subject.library
    if library.kind == kind and library.versions:
        return library.versions
    build = subject.context.build if subject.context else None
    if build is None:
        return ""
    return (build.cuda_loads or build.cuda) if kind == CUDA else build.cudnn


def _fits(kind: str, versions: Callable[[Subject], list[str]], expected: bool) -> Callable[[Subject, str], Truth]:
    def fact(subject: Subject, _: str) -> Truth:
        wanted, there = _wanted(subject, kind), versions(subject)
        if not wanted or not there:
            return None
        return any(contains(wanted, version) for version in there) is expected

    return fact


def _conda_package(*names: str) -> Callable[[Subject, str], Truth]:
    def fact(subject: Subject, _: str) -> Truth:
        return None if subject.context is None else any(subject.context.env.conda(name) for name in names)

    return fact


def _package(subject: Subject, argument: str) -> Truth:
    name, _, spec = argument.partition(" ")
    if subject.context is None:
        return None
    package = subject.context.env.package(name)
    if package is None:
        return False if subject.context.env.kind == "prefix" else None
    return _within(spec, package.version) if spec else True


def _of_another_minor(subject: Subject, name: str) -> Truth:
    """Whether a package that is released along with TensorFlow is of another minor version."""
    context = subject.context
    package = context.env.package(name) if context else None
    installed = context.tensorflow if context else None
    if package is None or installed is None or not package.version or not installed.version:
        return None
    return minor(package.version) != minor(installed.version)


def _twice(subject: Subject, name: str) -> Truth:
    if subject.context is None:
        return None
    env = subject.context.env
    return bool(env.conda(name) and env.pip(name))


def _some_package_twice(subject: Subject, argument: str) -> Truth:
    if subject.context is None:
        return None
    return any(_twice(subject, package.name) for package in subject.context.env.packages)


def _channels_differ(subject: Subject, argument: str) -> Truth:
    first, second = argument.split()[:2]
    if subject.context is None:
        return None
    one, other = subject.context.env.package(first), subject.context.env.package(second)
    if one is None or other is None or not one.channel or not other.channel:
        return None
    return one.channel != other.channel


def _in_environment(subject: Subject, argument: str) -> Truth:
    """Whether the environment has a copy of its own of the package that the user site brings."""
    match = user_site(subject.text)
    if match is None or subject.context is None:
        return None
    name = {"google": "protobuf", "tensorflow_core": "tensorflow"}.get(match["package"], match["package"])
    return subject.context.env.package(name.replace("_", "-")) is not None


def user_site(text: str) -> re.Match[str] | None:
    """Return where a traceback passes through a package of the user site."""
    return _USER_SITE.search(text)


def _wheel_for_another_platform(subject: Subject, _: str) -> Truth:
    tag = subject.captured.get("wheel_platform", "")
    platform = subject.context.env.platform if subject.context else ""
    parts = _TAG_PLATFORMS.get(platform)
    if not tag or not parts or tag == "any":
        return None
    if "universal2" in tag:
        return "macosx" not in tag or "macosx" not in parts
    if platform == "linux-64" and tag.endswith("linux_x86_64"):
        return False
    return not all(part in tag for part in parts)


def _wheel_for_another_python(subject: Subject, _: str) -> Truth:
    tag = subject.captured.get("wheel_python", "").lower()
    minor = subject.context.env.python.minor if subject.context else ""
    if not tag.startswith("cp") or not minor:
        return None
    return tag != "cp" + minor.replace(".", "")


def _directml(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    return any("directml" in package.name for package in subject.context.env.packages)


def _pip_cuda(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    return any(package.name.startswith("nvidia-") for package in subject.context.env.packages)


def _wheel_for_this_python(subject: Subject, argument: str) -> Truth:
    truth = _wheel_for_another_python(subject, argument)
    return None if truth is None else not truth


def _tensorflow_version_known(subject: Subject, _: str) -> Truth:
    installed = subject.context.tensorflow if subject.context else None
    return None if subject.context is None else bool(installed and installed.version)


def _python_has_build(subject: Subject, _: str) -> Truth:
    """Whether this very release was published for this Python on this platform."""
    context = subject.context
    if context is None or not context.env.python.minor:
        return None
    rows = [row for row in context.builds if row.platform == context.env.platform and row.python]
    return any(context.env.python.minor in row.python for row in rows) if rows else None


def _several_cuda(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    installed = subject.context.env.system.cuda_installed
    return len(installed) > 1 if installed else None


def _cudart_was_loaded(subject: Subject, _: str) -> Truth:
    """Whether another CUDA library than the runtime is named while the runtime is not, or was opened."""
    if re.search(r"Successfully opened dynamic library \S*cudart|successfully opened CUDA library", subject.text, re.I):
        return True
    if subject.library.kind != CUDA or subject.library.part == "cudart":
        return False
    if re.search(r"cudart", subject.text, re.I):
        return False
    # Releases that load on demand begin with the runtime; where it is not what failed, it was found.
    return True if re.search(r"Could\s+not\s+load\s+dynamic\s+library", subject.text, re.I) else None


FACTS: dict[str, Callable[[Subject, str], Truth]] = {
    "windows": _os("win"),
    "linux": _os("linux"),
    "macos": _os("osx"),
    "platform": _platform,
    "tensorflow": _tensorflow,
    "python": _python,
    "python-bits": _python_bits,
    "machine": _machine,
    "apple-silicon": _apple_silicon,
    "avx": _avx(True),
    "no-avx": _avx(False),
    "vc": _vc,
    "vc-missing": _vc_missing,
    "conda-tensorflow": _conda_tensorflow,
    "gpu-build": _gpu_build,
    "cpu-build": _cpu_build,
    "directml": _directml,
    "cuda-at-import": _cuda_at_import,
    "cuda-not-at-import": _cuda_not_at_import,
    "cuda-known": lambda subject, _: bool(_cuda_versions(subject)),
    "cudnn-known": lambda subject, _: bool(_cudnn_versions(subject)),
    "cuda-fits": _fits(CUDA, _cuda_versions, True),
    "cuda-misfits": _fits(CUDA, _cuda_versions, False),
    "cudnn-fits": _fits(CUDNN, _cudnn_versions, True),
    "cudnn-misfits": _fits(CUDNN, _cudnn_versions, False),
    "cuda-in-environment": lambda s, _: None if s.context is None else bool(s.context.cuda),
    "cuda-in-environment-fits": _fits(CUDA, _cuda_in_environment, True),
    "cudnn-in-environment-fits": _fits(
        CUDNN, lambda s: [c.version for c in s.context.cudnn] if s.context else [], True
    ),
    "conda-cuda": _conda_package("cudatoolkit", "cuda-cudart", "cuda-toolkit"),
    "conda-cudnn": _conda_package("cudnn"),
    "pip-cuda": _pip_cuda,
    "several-cuda": _several_cuda,
    "cudart-was-loaded": _cudart_was_loaded,
    "library-of": lambda subject, kind: subject.library.kind == kind,
    "library": lambda s, regex: bool(re.search(regex, s.captured.get("library", ""), re.I)),
    "captured": lambda s, argument: bool(
        re.search(argument.partition(" ")[2], s.captured.get(argument.partition(" ")[0], ""), re.I)
    ),
    "text": lambda subject, regex: bool(re.search(regex, subject.text, re.I | re.M)),
    "found": lambda subject, code: code in subject.found,
    "package": _package,
    "of-another-minor": _of_another_minor,
    "twice": _twice,
    "some-package-twice": _some_package_twice,
    "channels-of": _channels_differ,
    "user-site-in-traceback": lambda subject, _: user_site(subject.text) is not None,
    "in-environment": _in_environment,
    "wheel-for-another-platform": _wheel_for_another_platform,
    "wheel-for-another-python": _wheel_for_another_python,
    "wheel-for-this-python": _wheel_for_this_python,
    "tensorflow-version-known": _tensorflow_version_known,
    "python-has-build": _python_has_build,
}
