"""The small facts by which the catalogue's conditions confirm or exclude a cause.

A fact is written as a word and an argument (``tensorflow >=2.1``, ``not gpu-build``, ``found TFD301``) and is true,
false, or unknown (``None``); a condition holds only where all of its facts are true, so what is not known never
decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from ..advice.wheels import old_pip
from ..context.processor import has_avx
from ..context.vc_runtime import runtime_of
from ..environment.facts import CONDA
from ..environment.tensorflow import OWNERS, owners
from ..matrix.model import PYPI, Build
from ..names import normalise
from ..specifiers import is_empty
from ..versions import contains, minor
from . import facts_of_gpu
from .subject import Fact, Subject, Truth, user_site
from .tracebacks import frames

_TAG_PLATFORMS = {
    "win-64": ("win_amd64",),
    "win-32": ("win32",),
    "linux-64": ("x86_64", "linux"),
    "linux-aarch64": ("aarch64",),
    "osx-64": ("macosx", "x86_64"),
    "osx-arm64": ("macosx", "arm64"),
}


def holds(subject: Subject, facts: Iterable[str]) -> bool:
    """Tell whether all of these facts are true."""
    return all(truth(subject, fact) for fact in facts)


def truth(subject: Subject, fact: str) -> Truth:
    """Return whether a fact is true, false or unknown.

    Raises:
        KeyError: There is no such fact.
    """
    if fact.startswith("not "):
        opposite = truth(subject, fact[4:])
        return None if opposite is None else not opposite
    word, _, argument = fact.partition(" ")
    return FACTS[word](subject, argument)


def _os(name: str) -> Fact:
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


def _python_known(subject: Subject, _: str) -> Truth:
    return bool(subject.context and subject.context.env.python.version)


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


def _system_is(subject: Subject, name: str) -> Truth:
    found = subject.context.env.system.os if subject.context else ""
    return name.lower() in found.lower() if found else None


def _avx(expected: bool) -> Fact:
    def fact(subject: Subject, _: str) -> Truth:
        found = has_avx(subject.context) if subject.context else None
        return None if found is None else found is expected

    return fact


def _vc(subject: Subject, spec: str) -> Truth:
    runtime = runtime_of(subject.context) if subject.context else None
    return None if runtime is None or runtime.version == "missing" else contains(spec, runtime.version)


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


def _conda_has(subject: Subject, name: str) -> Truth:
    package = subject.context.env.package(name) if subject.context else None
    if package is None or not package.manager:
        return None
    return package.manager == CONDA


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
    if match["package"] in ("tensorflow", "tensorflow_core"):
        # Whatever distribution it is that holds the package here.
        listed = owners(subject.context.env)
        # A list that somebody typed may be of the user site itself; conda's packages are not.
        typed = subject.context.env.kind == "report" and not subject.context.env.collected
        if typed and listed and not any(owner.manager == CONDA for owner in listed):
            return None
        return bool(listed)
    name = {"google": "protobuf"}.get(match["package"], match["package"])
    return subject.context.env.package(name.replace("_", "-")) is not None


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


def _wheel_for_this_python(subject: Subject, argument: str) -> Truth:
    truth = _wheel_for_another_python(subject, argument)
    return None if truth is None else not truth


def _asked_by(subject: Subject, module: str) -> Truth:
    """Whether the last frame of the text, which asks for what is not there, is of a package of such a name."""
    found = frames(subject.text)
    where = re.search(r"(?:site|dist)-packages[\\/]([^\\/]+)", found[-1].file) if found else None
    return bool(re.fullmatch(module, where[1].removesuffix(".py"))) if where else (False if found else None)


# What ends a program that was running: the network, a file of the user's, its own values.
_OF_THE_PROGRAM = re.compile(
    r"(?:Connection\w*|URL|HTTP|SSL|ReadTimeout|Timeout|FileNotFound|Permission|IsADirectory|Memory|ResourceExhausted"
    r"|InvalidArgument|KeyboardInterrupt|ZeroDivision|Key|Index)(?:Error)?\b|(?:socket\.)?timeout\b"
    r"|URL fetch failure|Shapes? [^\n]{0,80}(?:incompatible|not compatible)|[Ii]ncompatible shapes"
)


def _past_imports(subject: Subject, _: str) -> Truth:
    """Whether the traceback ends in what the program did after its imports: a fault of its own, or of the network."""
    last = re.findall(r"^[ \t|>E]{0,8}((?:[\w.]+\.)?\w*(?:Error|Exception|timeout)\b[^\n]*)", subject.text, re.M)
    if not last:
        return None
    return bool(_OF_THE_PROGRAM.search(last[-1]))


# The names that TensorFlow 2.13 moved, and its old copy of Keras alone still asks for.
_MOVED = r"distribute\.input_lib'? has no attribute '?Distributed(?:Dataset|Iterator)Interface"
_LEFT_KERAS = r"(?:from|import) +tensorflow\.python\.keras\b|tensorflow[\\/]python[\\/]keras[\\/]"


def _left_keras_asks(subject: Subject, _: str) -> Truth:
    """Whether it is ``tensorflow.python.keras``, unkept since 2.6, that asks a TensorFlow of 2.13 or later."""
    if _tensorflow(subject, "<2.13"):
        return False
    if re.search(_MOVED, subject.text):
        return True
    found = frames(subject.text)
    # Who asks is the last frame, where there are any.
    last = found[-1].file if found else subject.text
    return bool(_tensorflow(subject, ">=2.13") and re.search(_LEFT_KERAS, last))


def _tensorflow_version_known(subject: Subject, _: str) -> Truth:
    installed = subject.context.tensorflow if subject.context else None
    return bool(installed and installed.version)


def _asked_for(subject: Subject, names: Collection[str]) -> Sequence[Build] | None:
    """Return the index's builds of the release that an installer was asked for; ``None`` for none of these packages."""
    exact = re.fullmatch(r"(?:==)?\s*([\d.]*\d)", subject.captured.get("wanted_version", ""))
    name = normalise(subject.captured.get("name", ""))
    if subject.context is None or exact is None or name not in names:
        return None
    return subject.context.matrix.builds(name, exact[1], PYPI)


def _python_has_build(subject: Subject, _: str) -> Truth:
    """Whether this very release was published for this Python on this platform."""
    context = subject.context
    if context is None or not context.env.python.minor:
        return None
    # What an installer was asked for may be another release than the one that is there.
    asked = _asked_for(subject, OWNERS)
    known = context.builds if asked is None else asked
    rows = [row for row in known if row.platform == context.env.platform and row.python]
    return any(context.env.python.minor in row.python for row in rows) if rows else None


def _no_wheel_on_this_platform(subject: Subject, _: str) -> Truth:
    """Whether the index has wheels of the release that was asked for, and none for this platform."""
    platform = subject.context.env.platform if subject.context else ""
    rows = _asked_for(subject, ("tensorflow", "tensorflow-cpu")) if platform else ()
    return not any(row.platform in (platform, "noarch") for row in rows) if rows else None


def _apart(subject: Subject, _: str) -> Truth:
    """Whether the ranges that two packages, or all together, ask for have no version in common."""
    spelled = [re.sub(r"\band\b", ",", subject.captured.get(each, "")) for each in ("needs", "asks")]
    return is_empty(",".join(filter(None, spelled)), contains)


def _pip_too_old(subject: Subject, _: str) -> Truth:
    """Whether the pip that found nothing is too old for the name of the platform that the wheels have."""
    return bool(old_pip(subject.context, subject.captured)[0]) if subject.context else None


FACTS: dict[str, Fact] = {
    "apart": _apart,
    "pip-too-old": _pip_too_old,
    "no-wheel-on-this-platform": _no_wheel_on_this_platform,
    **facts_of_gpu.FACTS,
    "windows": _os("win"),
    "linux": _os("linux"),
    "macos": _os("osx"),
    "platform": _platform,
    "tensorflow": _tensorflow,
    "python": _python,
    "python-known": _python_known,
    "python-bits": _python_bits,
    "machine": _machine,
    "system-is": _system_is,
    "apple-silicon": _apple_silicon,
    "avx": _avx(True),
    "no-avx": _avx(False),
    "vc": _vc,
    "vc-missing": _vc_missing,
    "conda-tensorflow": _conda_tensorflow,
    "captured": lambda s, argument: bool(
        re.search(argument.partition(" ")[2], s.captured.get(argument.partition(" ")[0], ""), re.I)
    ),
    "text": lambda subject, regex: bool(re.search(regex, subject.text, re.I | re.M)),
    "found": lambda subject, code: code in subject.found,
    "package": _package,
    "of-another-minor": _of_another_minor,
    "conda-has": _conda_has,
    "twice": _twice,
    "some-package-twice": _some_package_twice,
    "channels-of": _channels_differ,
    "user-site-in-traceback": lambda subject, _: user_site(subject.text) is not None,
    "in-environment": _in_environment,
    "wheel-for-another-platform": _wheel_for_another_platform,
    "wheel-for-another-python": _wheel_for_another_python,
    "wheel-for-this-python": _wheel_for_this_python,
    "tensorflow-version-known": _tensorflow_version_known,
    "tensorflow-requested": lambda s, _: bool(s.context and any(p.name in OWNERS for p in s.context.env.requested)),
    "asked-by": _asked_by,
    "left-keras-asks": _left_keras_asks,
    "past-imports": _past_imports,
    "python-has-build": _python_has_build,
}
