"""Advice about the machine and the Python: TFD101 to TFD105 but the CPU, TFD201."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.facts import CONDA, PIP
from ..findings import Fix
from ..installers import pip_install
from ..matrix.model import PYPI
from ..names import normalise, parse_requirement
from ..subdirs import is_arm64
from .add_ons import ADD_ONS, add_on
from .dependencies import SOLVER, by_itself
from .make import FORGE, NEW, by_conda, by_pip, fresh, in_a_channel, is_conda, stable
from .nvidia import on_a_jetson, without_cuda, without_tensorrt
from .others import for_older_python
from .system import IMAGE, emulated
from .wheels import instead_of_conda, minors_of, of_a_mac, of_today, old_pip, range_of_project, under_pip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..context.context import Context
    from ..matrix.model import Build

_ELSEWHERE = {
    "win-arm64": "Use Linux for aarch64 (in WSL2), for which TensorFlow has builds.",
    "win-32": "Use a 64-bit Windows.",
    "linux-32": "Use a 64-bit Linux.",
    "linux-armv7l": "Use a 64-bit system (linux-aarch64), for which pip has wheels from 2.10 on; a Raspberry Pi 3 and "
    "later run one. For the 32-bit one there are piwheels' builds of an older TensorFlow, and tflite-runtime.",
}
_OF_PIP = re.compile(r"Could not find a version|No matching distribution|installation candidates")
# Everything that ever carried a plain `tensorflow`.
_SAME = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos")


def _asked(context: Context, said: Mapping[str, str]) -> tuple[str, str]:
    """Return name and exact version of the TensorFlow in question; empty where nothing tells."""
    tensorflow = context.tensorflow
    said_name = normalise(said.get("name", ""))
    name = tensorflow.name if tensorflow else said_name if said_name in _SAME else "tensorflow"
    told = said.get("wheel_version") or said.get("wanted_version", "")
    exact = re.match(r"(?:==?)?\s*([\d.]+\d)[.*]*\Z", told.strip())
    if exact and said_name in _SAME:
        # Whatever is installed, this is what the installer was asked for.
        return name if said_name == "tensorflow" else said_name, exact[1]
    return name, tensorflow.version if tensorflow else exact[1] if exact else ""


def choose(minors: list[str], current: str, listed: Iterable[str] = ()) -> str:
    """Return the Python to take: the newest below the one that is too new, else the newest there is.

    Args:
        minors: For which there are builds, oldest first.
        current: What is there; empty where unknown.
        listed: What a solver itself named.
    """
    told = sorted(set(listed), key=versions.key)
    # The solver's own list is of the channels that were asked, which may have others than the tables know.
    named = [minor for minor in told if minor in minors] or told
    fitting = named or minors
    below = [minor for minor in fitting if current and versions.key(minor) < versions.key(current)]
    return (below or fitting or [""])[-1]


def _listed(text: str) -> list[str]:
    """Return the Pythons that a solver of conda's names for the TensorFlow that it was asked for."""
    named: list[str] = re.findall(r"\bpython(?:_abi)?[ =]+(?:>=|==?)?(3\.\d+)\b", text)
    for ranges in re.findall(r"\btensorflow\S* -> python\[version='([^'\n]+)'", text):
        named += re.findall(r"(?:^|\|)(?:>=|==?)?(3\.\d+)", ranges)
    return named


_NEW_PIP = pip_install(["pip"], "--upgrade")
_BITS = (
    'It has to be a 64-bit one, as that is: a 32-bit Python finds no wheel either (python -c "import struct; '
    "print(struct.calcsize('P') * 8)\" prints 32)."
)
_OF_ARM = (
    "There are wheels for this Python on Apple silicon (macOS 12 and later), if it is an arm64 Python: where "
    "`python -c 'import platform; print(platform.machine())'` says x86_64, make an environment with one that is "
    "(CONDA_SUBDIR=osx-arm64). An old pip does not know them; older releases are called tensorflow-macos."
)


def python(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD201: a Python that there is a build for."""
    from .gpu import native_windows, retired

    env, tensorflow, text = context.env, context.tensorflow, context.env.error_text
    if fix := for_older_python(context, said) or without_tensorrt(context, said):
        return fix
    if spec := range_of_project(text):
        key = "python" if "Python requirement:" in text else "requires-python"
        what = f"End {key} with {spec}" if spec.startswith("<") else f'Write {key} = "{spec}" into pyproject.toml'
        return Fix((f"python {spec}",), note=f"{what}, and lock again.")
    name, version = _asked(context, said)
    if wheel := of_today(context):
        return under_pip(context, wheel)
    minors = said["minors"].split() if "minors" in said else minors_of(context, name, version)
    by_conda = is_conda(context) or (tensorflow is None and bool(SOLVER.search(text)))
    listed = _listed(text) if by_conda else ()
    pinned = re.search(
        r"\bpin[-\w]{0,9}\b[^\n]{0,80}\n?[^\n]{0,20}\bpython[ =]{1,3}(3\.\d+)"
        r"|\bpython (3\.\d+)\S{0,4} {1,4}is requested",
        text,
    )
    current = env.python.minor or (pinned[1] or pinned[2] if pinned else "")
    if tensorflow is None and by_conda and (refused := re.search(r"\btensorflow ([\d.]*\d)[.*]{0,3} ", text)):
        version = version or refused[1]
        minors = sorted({m for row in _of_any_channel(context, version) for m in row.python}, key=versions.key)
    if asked := re.search(r"(?:requires Python|not in) '?([<>=!~][\d.<>=!~*, ]{2,60})", text):
        minors = [each for each in minors if versions.contains(asked[1].strip(" ,"), f"{each}.99")]
    if "newer" in said and current:
        # What is there is too old, whatever there are builds for.
        minors = [each for each in minors if versions.key(each) > versions.key(current)]
    if said.get("wheel_python", "").startswith("cp3"):
        minors = [f"3.{said['wheel_python'][3:]}"]
    minor = choose(minors, current, [found for found in listed if found != current])
    if not minor:
        return Fix(note="Make an environment with a Python that this TensorFlow has builds for; `matrix` lists them.")
    spec = f"{name}=={version}" if version else name
    if said.get("wheel_version") and not context.matrix.wheels.newest(name, f"=={version}", env.platform, minor):
        return _of_file(context, said, minor)
    if spec == "tensorflow-gpu" and not by_conda:
        # Its newest release holds nothing.
        return native_windows(context, said) if env.os == "win" else _for(retired(context), minor)
    if name == "tensorflow-gpu" and version and not by_conda and versions.contains(">=2.12", version):
        return retired(context, version)
    newest = _newest(context, name, current) if "newer" not in said else ""
    note = f"Or keep Python {current} and take {name} {newest}." if newest and newest != version else ""
    if not current and version and (others := stable(re.findall(r"\d[\w.]*", said.get("offered", "")))):
        # What an installer lists is what this Python can have.
        near = next((v for v in others if versions.key(v) > versions.key(version)), others[-1])
        note = f"Or keep this Python and take {name} {near}, which the index has for it."
    expected = said.get("expected", "")
    pins = (f"python {expected if expected and '|' not in expected else minor + '.*'}",)
    if tensorflow is not None and not tensorflow.requested and (alone := by_itself(context)):
        return alone
    none = re.search(r"from versions: (?:none)?\)|No matching distribution found", text)
    if none and env.platform == "win-64" and not by_conda and not version and not env.python.bits:
        note = f"{note} {_BITS}".strip()
    if none and env.platform == "osx-arm64" and current in minors and not version and not by_conda:
        name = "tensorflow" if name == "tensorflow-macos" else name
        return by_pip([name], _OF_ARM)._replace(commands=(_NEW_PIP, pip_install([name])))
    if tensorflow is None and by_conda:
        return Fix(pins=pins, commands=fresh(minor, f"{name}={version}" if version else name), note=note)
    if tensorflow is None:
        return Fix(pins=pins, commands=fresh(minor, pip=(spec,)), note=note)
    if not tensorflow.requested and version == tensorflow.version:
        # With another Python goes what pip installed for the one before.
        again = (pip_install([spec]),) if tensorflow.manager == PIP else ()
        in_place = (("conda", "install", f"python={minor}"), *again)
        new = again and env.conda("python") is None
        return Fix(pins=pins, commands=fresh(minor, pip=(spec,)) if new else in_place, note=note)
    if tensorflow.manager == CONDA:
        if not context.matrix.builds(name, version, context.channel, env.platform):
            name = "tensorflow"
        version = in_a_channel(context, version)
        return Fix(pins=pins, commands=fresh(minor, f"{name}={version}" if version else name), note=note)
    pip = (f"{name}>={newest}" if not version else f"{name}=={newest}",) if newest and newest != version else ()
    if (minor == current and not version) or env.kind == "report":
        # Wheels for it exist today; what pip said then, or says of a mirror, is that they do not. Of a report nothing
        # is planned but what is typed.
        pip = ()
    return Fix(pins, pip, fresh(minor, pip=(spec,)), note)


def _of_file(context: Context, said: Mapping[str, str], minor: str) -> Fix:
    """Return the file that was refused in an environment of its Python, where the index has no such release here."""
    file = re.search(rf"[\w.]+-{re.escape(said['wheel_version'])}-[\w.-]+\.whl", context.env.error_text)
    here = stable(context.matrix.versions("tensorflow", PYPI, context.env.platform, minor))
    note = f"Or take tensorflow {here[0]} or later, which the index has for it." if here else ""
    if context.env.platform == "linux-armv7l":
        # There is no conda for it.
        current = context.env.python.minor
        named = f" (cp{current.replace('.', '')})" if current else ""
        return Fix(note=f"Take the file that is named for this Python{named}, or Python {minor}. {note}".strip())
    return Fix((f"python {minor}.*",), commands=fresh(minor, pip=(file[0],) if file else ()), note=note)


def _for(fix: Fix, minor: str) -> Fix:
    """Return a fix by pip in an environment of its own."""
    return fix._replace(commands=fresh(minor, pip=fix.pip))


def _of_any_channel(context: Context, version: str) -> Iterable[Build]:
    """Return conda's builds of a TensorFlow whose version begins so."""
    for channel in (FORGE, "defaults"):
        for row in context.matrix.builds("tensorflow", channel=channel, platform=context.env.platform):
            if f"{row.tensorflow}.".startswith(f"{version}."):
                yield row


def _newest(context: Context, name: str, minor: str, platform: str = "") -> str:
    """Return the newest release with a build for a Python; empty where there is none, or the Python is unknown."""
    if not minor:
        return ""
    channel = context.channel or PYPI
    platform = platform or context.env.platform
    for version in reversed(stable(context.matrix.versions(name, channel, platform, minor))):
        if any(minor in row.python for row in context.matrix.builds(name, version, channel, platform)):
            return version
    return ""


def wide_python(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD101: an environment with a 64-bit Python, and the TensorFlow that was asked for in it."""
    target = "win-64" if context.env.os in ("win", "") else "linux-64"
    name, version = _asked(context, said)
    minors = minors_of(context, name, version, target) if context.channel in (PYPI, "") else []
    if version and not minors and context.channel in (PYPI, ""):
        # A release candidate, mostly; for the newest of this Python there is a wheel.
        version, minors = "", minors_of(context, name, "", target)
    minor = context.env.python.minor if context.env.python.minor in minors else choose(minors, "")
    spec = f"{name}=={version}" if version else name
    return Fix(
        note=f"A 32-bit environment cannot be converted: create a 64-bit one ({target}), with a 64-bit Python.",
        commands=fresh(minor, pip=(spec,), platform=target),
    )


def one_machine(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD102 and TFD105: Python and everything in it for the machine that is there."""
    env = context.env
    if env.os == "osx":
        minors = minors_of(context, "tensorflow", "", "osx-arm64")
        minor = env.python.minor if env.python.minor in minors else choose(minors, "")
        return Fix(
            note="Make the environment with an arm64 Python (CONDA_SUBDIR=osx-arm64), and install TensorFlow in it: "
            "tensorflow>=2.13, or tensorflow-macos before.",
            commands=fresh(minor, pip=("tensorflow>=2.13",), platform="osx-arm64"),
        )
    if emulated(context):
        return IMAGE
    return Fix(
        note="Make a new environment whose Python and packages are all for one machine"
        + (": on Windows on ARM use Linux (WSL2), where TensorFlow has aarch64 wheels." if _is_arm(context) else ".")
    )


def _is_arm(context: Context) -> bool:
    return context.env.os == "win" and is_arm64(context.env.system.machine)


def other_name(context: Context, version: str, platform: str) -> str:
    """Return the distribution that carries a version for a platform (``tensorflow-macos`` for osx-arm64)."""
    for name in _SAME if version else ():
        rows = context.matrix.builds(distribution=name, version=version, channel=PYPI, platform=platform)
        if any(row.kind == "build" for row in rows):
            return name
    return ""


def platform(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD103: what there is for this platform instead."""
    from .gpu import gpu_wheel, native_windows, retired

    env = context.env
    name, version = _asked(context, said)
    if fix := for_older_python(context, said) or without_tensorrt(context, said):
        return fix
    if (needed := old_pip(context, said))[0]:
        asked = f"{normalise(said['name'])}{said['wanted_version']}"
        return Fix(
            pip=(asked,),
            commands=(_NEW_PIP, pip_install([asked])),
            note=f"A pip below {needed[0]} does not know {needed[1]}, the platform that these wheels are named for.",
        )
    if env.platform == "osx-64" and is_arm64(env.system.machine):
        return one_machine(context, said)
    if "misspelt" in said:
        of_conda = re.search(r"PackagesNotFound|ResolvePackage|does not exist", env.error_text)
        forge = of_conda and context.matrix.versions("tensorflow", FORGE, env.platform)
        return by_conda(["tensorflow"], channel=FORGE) if forge else by_pip(["tensorflow"])
    built = re.match(r"==?([\d.]*\d)=\w", said.get("wanted_version", ""))
    if built and any(_of_any_channel(context, built[1])):
        return by_conda([f"tensorflow {built[1]}.*"], "Leave the build out: channels take old builds away.")
    named = normalise(said.get("name", ""))
    if named in ADD_ONS[:-1]:
        return add_on(context, said)
    if named and named not in _SAME and (fix := neighbour(context, named, said)):
        return fix
    if named and named not in _SAME and (others := context.matrix.wheels.releases(named)):
        if fitting := context.matrix.wheels.newest(named, "", env.platform):
            return _of_this_platform(context, named, fitting)
        wsl = ", or use Linux (WSL2)" if env.os == "win" else ""
        where = " ".join(dict.fromkeys(names for release in others[-1:] for names in release.pythons))
        return Fix(note=f"{named} is for {where.replace(' ', ', ')} alone: leave it out here{wsl}.")
    if named and named not in _SAME and not context.matrix.wheels.releases(named) and _OF_PIP.search(env.error_text):
        return Fix(note=f"{named} has no wheel for this platform, or not for this Python: its page in the index tells.")
    if name == "tensorflow-gpu" and version and is_conda(context) and (by_wheel := gpu_wheel(context, version)):
        return by_wheel
    if name == "tensorflow-gpu" and (its_own := of_a_mac(context, version)):
        return its_own
    wheel = instead_of_conda(context, version) if env.kind == "file" and is_conda(context) else ""
    if env.os == "win" and (name == "tensorflow-gpu" or context.gpu_wanted) and env.platform == "win-64":
        # Anaconda's channel has releases for a GPU here; conda-forge has none.
        of_pip = wheel and name == "tensorflow" and context.channel == FORGE
        return under_pip(context, wheel) if of_pip else native_windows(context, said)
    if name == "tensorflow-gpu" and (not version or versions.contains(">=2.11", version)):
        return retired(context, version)
    if "macos" in said and env.os == "osx":
        return Fix(note=f"Update macOS to {said['macos']} or later, or take an older TensorFlow.")
    if re.search(r"\balpine\b|musl", f"{env.system.os} {env.error_text}", re.IGNORECASE):
        return Fix(
            note="Use an image of Debian, Ubuntu or another Linux with glibc: no wheel of TensorFlow is for musl."
        )
    if on_a_jetson(context) and (of_nvidia := without_cuda(context, said)):
        return of_nvidia
    if wheel:
        return under_pip(context, wheel)
    found = stable(context.matrix.versions("tensorflow", PYPI, env.platform))
    other = other_name(context, version, env.platform)
    if other and other != name:
        newest = f" The newest tensorflow for {env.platform} is {found[-1]}." if found else ""
        return _with_its_python(context, other, version, f"Install {other} instead.{newest}")
    forge = stable(context.matrix.versions("tensorflow", FORGE, env.platform))
    if not found and not forge:
        return Fix(note=_ELSEWHERE.get(env.platform, "Use a platform that TensorFlow is built for."))
    note = (
        "Or run the x86-64 build in a container: docker run --platform linux/amd64."
        if env.platform.startswith("linux-a")
        else ""
    )
    minor = choose(minors_of(context, "tensorflow", found[-1]) if found else [], "")
    if exact := [v for v in found if version and f"{v}.".startswith(f"{version}.")]:
        return _with_its_python(context, "tensorflow", exact[-1], note)
    same = stable(context.matrix.versions(f"{name}-macos", PYPI, env.platform)) if version and env.os == "osx" else []
    if fit := [v for v in same if versions.minor(v) == versions.minor(version)]:
        note = f"Or a newer tensorflow, which has wheels for {env.platform}: tensorflow>={found[0]}."
        return by_pip([f"{name}-macos=={fit[-1]}"], note)
    here = [v for v in found if not env.python.minor or env.python.minor in minors_of(context, "tensorflow", v)]
    if version and here:
        # The nearest release that this Python can have is less of a change than another Python.
        near = next((v for v in here if versions.key(v) > versions.key(version)), here[-1])
        newer = versions.key(version) > versions.key(found[-1])
        last = f"The newest tensorflow for {env.platform} is {found[-1]}, the oldest {found[0]}."
        last = _last(context, found[-1], version) if newer else last
        return by_pip([f"tensorflow=={near}"], f"{last} {note}".strip())
    if found:
        pip = (f"tensorflow>={found[0]}" if versions.contains(">=2", found[0]) else "tensorflow",)
        if version and versions.key(version) > versions.key(found[-1]):
            pip, note = (f"tensorflow=={versions.minor(found[-1])}.*",), _last(context, found[-1], version)
        if context.matrix.wheels.newest(*parse_requirement(pip[0]), env.platform, env.python.minor or "none"):
            return by_pip(pip, note)
        return Fix((), pip, fresh(minor, pip=pip), note)
    return Fix(note=note, commands=fresh("", "tensorflow", channel=FORGE))


def _of_this_platform(context: Context, name: str, version: str) -> Fix:
    """Return the newest release of a package for this platform, with the Python and the TensorFlow that it is for."""
    pythons = context.matrix.wheels.pythons(name, version, context.env.platform)
    beside = ("tensorflow>=2.18,<2.20",) if name == "tensorflow-metal" else ()
    pip = (*beside, f"{name}=={version}")
    note = f"{name} {version} has wheels for Python {', '.join(pythons)}." if pythons else ""
    return Fix((), pip, fresh(choose(pythons, context.env.python.minor), pip=pip), note)


def _with_its_python(context: Context, name: str, version: str, note: str) -> Fix:
    """Return a release by pip, in an environment of its own where there is none of it for this Python."""
    fix, pythons, minor = (
        by_pip([f"{name}=={version}"], note),
        minors_of(context, name, version),
        context.env.python.minor,
    )
    return fix if minor in ("", *pythons) or not pythons else _for(fix, choose(pythons, minor))


def _last(context: Context, last: str, version: str) -> str:
    """Return what to say where a platform's wheels have ended before a release: conda's builds may go on."""
    minor = versions.minor(version)
    channel = next((row.channel for row in _of_any_channel(context, minor)), "")
    other = f" Or conda's: conda create -n {NEW} -c {channel} tensorflow={minor}." if channel else ""
    return f"{last} is the last that the index has for {context.env.platform}.{other}"


def neighbour(context: Context, name: str, said: Mapping[str, str]) -> Fix | None:
    """Return the release of a package beside TensorFlow that this platform and Python have a wheel of, if one is known.

    Args:
        context: The environment.
        name: Normalised name.
        said: What the installer said (``offered``: the versions that it found).
    """
    env, offered = context.env, re.findall(r"\d[\w.]*", said.get("offered", ""))
    newest = context.matrix.wheels.newest(name, "", env.platform, env.python.version) or (stable(offered) or [""])[-1]
    if not newest:
        return None
    *kept, last = versions.release(newest)[:2]
    below = ".".join(map(str, (*kept, last + 1)))
    where = f"{env.platform}{f' and Python {env.python.minor}' if env.python.minor else ''}"
    note = f"{newest} is the newest {name} that has a wheel for {where}: name it, so that nothing newer is chosen."
    return by_pip([f"{name}<{below}"], note)
