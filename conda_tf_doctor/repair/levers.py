"""What can be done about a finding: each way to repair it, as demands on packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import versions
from ..codes import BY_FILES, BY_NOTHING, BY_ONE_DISTRIBUTION, BY_ONE_MANAGER, ROWS, codes_where
from ..environment.facts import CONDA, PIP, Environment, reader_of
from ..environment.tensorflow import CONDA_PARTS, OWNERS, find_tensorflow, owners, selector
from ..names import CONDA_TO_PIP, PIP_TO_CONDA, normalise, parse_requirement
from ..specifiers import first_version, to_conda, to_pip
from .simulate import PARTS

if TYPE_CHECKING:
    from ..environment.tensorflow import Installed
    from ..findings import Finding
    from ..matrix.model import Build

# What no change of packages repairs: the machine, its driver, its variables, files of the user.
BEYOND_PACKAGES = codes_where(repair=BY_NOTHING)
# What only the files on disk tell: putting the package's files back repairs it.
OF_FILES = codes_where(repair=BY_FILES)


class Want(NamedTuple):
    """A demand on one package; ``remove`` and ``reinstall`` stand for themselves, ``bare`` is without its extras."""

    manager: str
    name: str
    spelled: str
    spec: str = ""
    remove: bool = False
    reinstall: bool = False
    back: tuple[str, ...] = ()
    bare: bool = False


Way = tuple[Want, ...]


def demand(env: Environment, spelled: str, spec: str, manager: str) -> Want:
    """Return a demand on a package, addressed to whoever owns it.

    Args:
        env: Tells who owns it.
        spelled: Its name as ``manager`` spells it.
        spec: Range in that manager's syntax.
        manager: Who gets a package that is not there yet.
    """
    name = normalise(spelled)
    if manager == CONDA:
        pip_name = CONDA_TO_PIP.get(name, name)
        if env.pip(pip_name) is not None and name != "python":
            return Want(PIP, pip_name, pip_name, to_pip(spec))
        return Want(CONDA, name, spelled, spec)
    conda_name = normalise(PIP_TO_CONDA.get(name, name))
    if env.pip(name) is None and (env.conda(conda_name) or env.conda(name)):
        conda_name = conda_name if env.conda(conda_name) else name
        return Want(CONDA, conda_name, PIP_TO_CONDA.get(name, spelled), to_conda(spec))
    return Want(PIP, name, spelled, spec)


def ways(finding: Finding, env: Environment, build: Build | None = None) -> list[Way]:
    """Return the ways to repair a finding without another version of TensorFlow, the preferred one first.

    Args:
        finding: What is wrong.
        env: The environment.
        build: The matrix row of its TensorFlow.
    """
    tensorflow = find_tensorflow(env)
    repair = ROWS[finding.code].repair
    if repair == BY_ONE_DISTRIBUTION:
        return _one_owner(env)
    if repair == BY_ONE_MANAGER and finding.package in OWNERS:
        return _one_manager(env)
    if instead_of_conda := _by_pip_instead(finding, env):
        return [instead_of_conda]
    package = env.pip(finding.package) or env.conda(finding.package)
    manager = PIP if package is not None and package.manager == PIP else CONDA
    instead = finding.fix.pip if manager == PIP else finding.fix.pins
    if finding.code == "TFD103" and package is not None and not instead:
        if package.name not in (*OWNERS, *CONDA_PARTS):
            return [(Want(manager, package.name, package.name, remove=True),)]
        if package.name in finding.fix.bare:
            return [(Want(PIP, package.name, package.name, bare=True),)]
    found: list[Way] = []
    wants = _of_fix(finding, env)
    elsewhere = finding.package not in (*OWNERS, *(want.name for want in wants))
    if finding.code == "TFD103" and env.conda(finding.package) is not None and finding.fix.pins and elsewhere:
        # It is to be had under another name alone.
        wants.insert(0, Want(CONDA, finding.package, finding.package, remove=True))
    named = [want for want in wants if tensorflow and want.name in OWNERS]
    if wants and all(_holds(want, env) for want in named):
        found.append(tuple(want for want in wants if want not in named))
        found += _wider(finding, build, found[0])
    elif tensorflow and finding.package != tensorflow.name and any(want.name == finding.package for want in named):
        # What is behind TensorFlow's own name (tensorflow-intel), and is of another release.
        found.append(tuple(wants))
    elif named and tensorflow and all(_takes_its_place(want, tensorflow) for want in named):
        # Another distribution carries this TensorFlow here (tensorflow-macos).
        gone = Want(tensorflow.manager or PIP, tensorflow.name, tensorflow.name, remove=True)
        found.append((gone, *wants))
    if repair == BY_ONE_MANAGER:
        found += _give_back(finding, env)
    return [way for way in (*found, _files_back(finding, env)) if way]


def _takes_its_place(want: Want, tensorflow: Installed) -> bool:
    """Tell whether a demand is on another distribution of the same major: code for TensorFlow 1 does not run with 2."""
    major = first_version(want.spec).split(".")[0]
    same = not (major and tensorflow.version) or major == tensorflow.version.split(".")[0]
    return want.name != tensorflow.name and same


def _by_pip_instead(finding: Finding, env: Environment) -> Way:
    """Where no channel has a TensorFlow for the platform and Python of a file, pip's takes the place of conda's."""
    conda_s = [p for p in env.packages if p.manager != PIP and p.name in PARTS] if env.kind == "file" else []
    blamed = {"TFD103": {p.name for p in conda_s}, "TFD201": {"python"} if conda_s else set()}
    if finding.package not in blamed.get(finding.code, ()) or finding.fix.pins:
        return ()
    by_pip = [(name, spec) for name, spec in map(parse_requirement, finding.fix.pip) if normalise(name) in OWNERS]
    wants = [Want(PIP, normalise(name), name, spec) for name, spec in by_pip]
    # What chooses among conda's variants chooses nothing any more, and may be in no channel of this platform.
    gone = [*conda_s, *filter(None, (selector(env),))]
    return (*(Want(CONDA, p.name, p.name, remove=True) for p in gone), *wants) if wants else ()


def _wider(finding: Finding, build: Build | None, way: Way) -> list[Way]:
    """What a build was made with may be in no channel (cuDNN 8.6); what it works with is a wider range."""
    library = ROWS[finding.code].library
    spec = to_conda(getattr(build, library)) if library and build else ""
    return (
        [tuple(want._replace(spec=spec) for want in way)] if spec and len(way) == 1 and way[0].manager == CONDA else []
    )


def _of_fix(finding: Finding, env: Environment) -> list[Want]:
    tensorflow = find_tensorflow(env)
    wants: dict[str, Want] = {}
    for text in finding.fix.pins:
        spec = versions.parse_matchspec(text)
        want = demand(env, spec.name, spec.version, CONDA)
        wants[CONDA_TO_PIP.get(want.name, want.name)] = want
    for text in finding.fix.pip:
        spelled, specs = parse_requirement(text)
        want = demand(env, spelled, specs, PIP)
        key = CONDA_TO_PIP.get(want.name, want.name)
        absent = env.package(want.name) is None
        by_pip = tensorflow is not None and tensorflow.manager == PIP
        if key not in wants or (want.manager == PIP and (not absent or by_pip)):
            wants[key] = want
    return list(wants.values())


def _holds(want: Want, env: Environment) -> bool:
    package = env.pip(want.name) if want.manager == PIP else env.conda(want.name)
    if package is None or not package.version:
        return False
    return reader_of(want.manager)(want.spec, package.version)


def _one_owner(env: Environment) -> list[Way]:
    """Several distributions own ``tensorflow``: keep one of them, each in turn, and put its files back."""
    present = [package for package in owners(env) if package.manager == PIP]
    found: list[Way] = []
    for kept in present:
        # A stub and the distribution it requires are one.
        others = [
            p for p in present if p is not kept and not _belong_together(p.name, kept.name, p.version == kept.version)
        ]
        if not others:
            continue
        # They share their files: uninstalling one takes the other's away.
        back = tuple(f"{p.name}=={p.version}" for p in present if p not in others and p.version)
        found.append(tuple(Want(PIP, p.name, p.name, remove=True, back=back) for p in others))
    # The fewest goes first, then the order in which Python's users name them.
    return sorted(found, key=len)


def _belong_together(one: str, other: str, same_version: bool) -> bool:
    pairs = ({"tensorflow", "tensorflow-intel"}, {"tensorflow", "tensorflow-macos"}, {"tf-nightly", "tf-nightly-intel"})
    return same_version and {one, other} in pairs


def _one_manager(env: Environment) -> list[Way]:
    """Pip and conda both own TensorFlow: keep pip's (it is what Python imports), or conda's."""
    by_pip = [p for p in owners(env) if p.manager == PIP]
    by_conda = _conda_tensorflow(env)
    back = tuple(f"{p.name}=={p.version}" for p in by_pip if p.version)
    keep_pip = tuple(Want(CONDA, name, name, remove=True, back=back) for name in by_conda)
    keep_conda: Way = (
        *(Want(PIP, p.name, p.name, remove=True) for p in by_pip),
        *(Want(CONDA, name, name, reinstall=True) for name in by_conda),
    )
    same = {p.version for p in by_pip} & {p.version for p in env.packages if p.name in by_conda and p.manager != PIP}
    return [keep_conda, keep_pip] if same else [keep_pip, keep_conda]


def _conda_tensorflow(env: Environment) -> list[str]:
    return [p.name for p in env.packages if p.manager != PIP and p.name in PARTS]


def _give_back(finding: Finding, env: Environment) -> list[Way]:
    """Pip wrote over a package of conda's: take pip's away and put conda's files back."""
    name = finding.package
    conda = env.conda(name)
    if conda is None:
        return []
    back = Want(CONDA, name, conda.name, reinstall=True)
    return [(Want(PIP, name, name, remove=True), back)] if env.pip(name) else [(back,)]


def _files_back(finding: Finding, env: Environment) -> Way:
    """Files are missing or damaged: install the packages that they belong to again, in the version that is there."""
    names: dict[tuple[str, str], None] = {}
    for manager, name in finding.fix.reinstall:
        if manager == PIP and env.pip(name) is not None:
            names[manager, name] = None
        elif manager == CONDA and env.conda(name) is not None:
            # The files may be those of any of TensorFlow's parts: its own package is often empty.
            names |= dict.fromkeys((CONDA, part) for part in (_conda_tensorflow(env) if name in PARTS else [name]))
    return tuple(Want(manager, name, name, reinstall=True) for manager, name in names)
