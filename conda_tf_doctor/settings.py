"""The user's settings: conda's own mechanism where there is a conda, its variables and files where there is none."""

from __future__ import annotations

import os
import sys

from . import reading
from ._light import re
from ._typing import TYPE_CHECKING, Any, NamedTuple
from .codes import RULES, codes_of
from .errors import Ignored, UsageError, meant
from .modes import WARN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How long the guard itself may take, in seconds.
SECONDS = 5.0
_VARIABLE = "CONDA_PLUGINS_TF_DOCTOR_"
# What conda cannot read as what the setting has to be.
UNREADABLE = "of another kind"
# What conda makes of a setting that is left empty in a file: the text of Python's None.
_EMPTY = "None"


class Settings(NamedTuple):
    """What the user configured.

    Attributes:
        mode: One of ``MODES``, as written: whoever acts on it reports an unknown one.
        ignore: Codes and names as written.
        matrix: Path of the user's own matrix file; empty where there is none.
        seconds: How long the guard itself may take, as written; 0 for as long as it takes.
        search_seconds: How long it may solve in search of what would work, as written; empty for its own measure.
    """

    mode: str = WARN
    ignore: tuple[str, ...] = ()
    matrix: str = ""
    seconds: str = ""
    search_seconds: str = ""


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return tuple(str(word).strip() for word in value) if hasattr(value, "__iter__") else ()


def _value(plugins: object, name: str, default: object) -> object:
    try:
        value = getattr(plugins, name)
        return default if value == _EMPTY else value
    except Exception as error:
        if getattr(error, "name", "") == name:
            return default  # this conda does not know the setting (yet)
        # Conda fails over a list where it wants a word, each version in its own way.
        return UNREADABLE


def from_context(plugins: object) -> Settings:
    """Read the settings of a running conda (``context.plugins``)."""
    matrix = str(_value(plugins, "tf_doctor_matrix", "") or "")
    return Settings(
        str(_value(plugins, "tf_doctor_mode", WARN) or WARN).strip().lower(),
        _words(_value(plugins, "tf_doctor_ignore", ())),
        os.path.expanduser(os.path.expandvars(matrix)),
        *(str(_value(plugins, name, "") or "").strip() for name in ("tf_doctor_seconds", "tf_doctor_search_seconds")),
    )


def installations() -> list[str]:
    """Return the folders of conda, mamba and micromamba installations that this process can know of."""
    found = [os.environ[name] for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX") if os.environ.get(name)]
    programs = [os.environ[name] for name in ("CONDA_EXE", "CONDA_PYTHON_EXE", "MAMBA_EXE") if os.environ.get(name)]
    for folder in map(os.path.dirname, programs):
        # On Windows python.exe lies in the root itself.
        inside = os.path.basename(folder).lower() in ("bin", "scripts", "condabin")
        found.append(os.path.dirname(folder) if inside else folder)
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        found.append(sys.prefix)
    return found


# Of all users; conda has it written down like this, whatever the machine says.
_OF_ALL = ("C:/ProgramData/conda",) if os.name == "nt" else ("/var/lib/conda", "/etc/conda")


def _condarc_files() -> list[str]:
    """Return the files that there are of those that conda reads, the first wins (``conda/base/constants.py``)."""
    variable = os.environ.get
    home = [os.path.expanduser(folder) for folder in ("~", "~/.conda", "~/.config/conda")]
    xdg = os.path.join(variable("XDG_CONFIG_HOME", ""), "conda")
    listed = [variable("CONDARC", ""), variable("MAMBARC", "")]
    for folder in filter(os.path.isabs, (variable("CONDA_PREFIX", ""), *home, xdg, *installations(), *_OF_ALL)):
        listed += [os.path.join(folder, name) for name in ("condarc", ".condarc")]
        with Ignored(OSError):
            inside = sorted(os.listdir(os.path.join(folder, "condarc.d")), reverse=True)
            listed += [os.path.join(folder, "condarc.d", name) for name in inside if name.endswith((".yml", ".yaml"))]
    return [path for path in dict.fromkeys(listed) if os.path.isabs(path) and os.path.isfile(path)]


def _condarc_texts() -> Iterator[tuple[str, str]]:
    """Yield path and text of the settings files that can be read."""
    for path in _condarc_files():
        with Ignored(OSError, UnicodeDecodeError):
            yield path, reading.read_condas(path, reading.SETTINGS)


def _condarcs(word: str) -> Iterator[dict[str, object]]:
    """Yield the settings files that have a word in them; YAML is parsed only then.

    Raises:
        UsageError: One of them is no valid YAML.
    """
    for path, text in _condarc_texts():
        data = reading.load_yaml(text, path) if word in text else None
        if isinstance(data, dict):
            yield data


def environment_folders() -> list[str]:
    """Return the folders in which named environments are: of the variables, the settings and the installations."""
    listed = []
    for name in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        listed += [folder for folder in os.environ.get(name, "").split(os.pathsep) if folder]
    for data in _condarcs("envs_"):
        for setting in ("envs_dirs", "envs_path"):
            listed += _words(data.get(setting) or ())
    listed += [os.path.join(root, "envs") for root in installations()]
    listed.append("~/.conda/envs")
    expanded = (os.path.expanduser(os.path.expandvars(folder)) for folder in listed)
    return list(dict.fromkeys(map(os.path.abspath, expanded)))


def _from_condarc() -> dict[str, object]:
    """Return the ``plugins:`` section of the first .condarc that speaks of us."""
    for data in _condarcs("tf_doctor_"):
        section = data.get("plugins")
        if isinstance(section, dict):
            # Scalars come as they are written.
            return {key: "" if value in ("null", "~") else value for key, value in section.items()}
    return {}


def strict_channels() -> bool:
    """Tell whether conda's channel priority is strict, where no conda runs that could be asked."""
    value = os.environ.get("CONDA_CHANNEL_PRIORITY", "")
    for _, text in _condarc_texts() if not value else ():
        found = re.search(r"^channel_priority\s*:\s*[\"']?(\w+)", text, re.M)
        if found:
            value = found.group(1)
            break
    return value.strip().lower() == "strict"


def without_conda() -> Settings:
    """Read the settings where no conda runs: the variables, then the user's .condarc files.

    Raises:
        UsageError: A .condarc that sets our settings is no valid YAML.
    """
    section = _from_condarc()

    def value(name: str, default: object) -> object:
        return os.environ.get(_VARIABLE + name.upper(), section.get(f"tf_doctor_{name}", default))

    matrix = str(value("matrix", "") or "")
    return Settings(
        str(value("mode", WARN)).strip().lower(),
        _words(value("ignore", ())),
        os.path.expanduser(os.path.expandvars(matrix)),
    )


class Project(NamedTuple):
    """What the project around the working folder sets, in ``[tool.conda-tf-doctor]``.

    Attributes:
        ignore: Codes, names and beginnings of codes that are not shown.
        select: Those that alone are shown; empty for all.
        matrix: Path of a matrix file; empty where there is none.
        path: The file that says so; empty where none does.
    """

    ignore: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    matrix: str = ""
    path: str = ""


_PROJECT_FILES = ("pyproject.toml", "pixi.toml", "conda.toml")


def of_project(folder: str = "") -> Project:
    """Read the settings of a project: of the first folder, from the working folder upwards, that has a project's file.

    Args:
        folder: Where to begin; the working folder where empty.

    Raises:
        UsageError: The table sets what there is not, or something of the wrong kind.
    """
    try:
        folder = folder or os.getcwd()
    except OSError:
        return Project()  # the working folder is gone
    while True:
        paths = [os.path.join(folder, name) for name in _PROJECT_FILES]
        there = [path for path in paths if os.path.isfile(path)]
        for path in there:
            found = _project_table(path)
            if found is not None:
                return found
        above = os.path.dirname(folder)
        if there or above == folder:
            return Project()
        folder = above


def _project_table(path: str) -> Project | None:
    try:
        text = reading.read_text(path, reading.SETTINGS, errors="strict")
    except (OSError, UnicodeDecodeError):
        return None
    # TOML is parsed only where it speaks of us: this is asked at every check.
    if "tool.conda-tf-doctor" not in text:
        return None
    tool = reading.load_toml(text, path).get("tool")
    table = tool.get("conda-tf-doctor") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return None
    for key, value in table.items():
        kind = {"ignore": list, "select": list, "matrix": str}.get(key)
        if kind is None or not isinstance(value, kind):
            what = (
                "there is no such setting" if kind is None else f"it has to be a {'list' if kind is list else 'text'}"
            )
            raise UsageError(f"The file {path} sets {key} in [tool.conda-tf-doctor], but {what}; correct it there.")
    matrix = table.get("matrix", "")
    where = os.path.join(os.path.dirname(path), os.path.expanduser(matrix)) if matrix else ""
    return Project(_words(table.get("ignore", ())), _words(table.get("select", ())), where, path)


def codes(words: Iterable[str], where: str) -> frozenset[str]:
    """Return the codes that these codes, names and beginnings of codes stand for.

    Raises:
        UsageError: There is no such rule.
    """
    found: set[str] = set()
    for word in (part for given in words for part in _words(given)):
        named = codes_of(word)
        if not named:
            near = meant(word, (*RULES, *RULES.values()))
            raise UsageError(
                f"{where} names {word}, but there is no such rule{near}; `conda-tf-doctor explain` lists them."
            )
        found |= named
    return frozenset(found)
