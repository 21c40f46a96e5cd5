"""Advice about add-ons, which go with one release of TensorFlow: TFD607."""

from __future__ import annotations

import re
from functools import partial

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import holds_here, requirements
from ..environment.facts import CONDA
from ..environment.tensorflow import OWNERS
from ..findings import Fix
from ..installers import ANEW, pip_install, pip_uninstall
from ..matrix.model import PYPI
from ..names import normalise, parse_requirement
from .keras import legacy_keras
from .make import (
    asking,
    before,
    by_pip,
    change,
    fresh,
    minor_of,
    minors,
    needed,
    owner,
    pair,
    stable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# The module of each add-on whose name is not its distribution's with other dashes.
ADD_ONS = (
    "tensorflow-estimator", "tensorflow-addons", "tensorflow-text", "tensorflow-probability", "tensorflow-hub",
    "tensorflow-io", "tensorflow-datasets", "tf-keras", "tensorboard", "tensorflow-decision-forests", "tf-agents",
    "keras-cv", "keras-nlp", "tensorflow-model-optimization", "horovod", "tf-models-official",
    "tensorflow-io-gcs-filesystem",
)  # fmt: skip
# Released with each minor of TensorFlow, under its number.
IN_STEP = ("tensorflow-estimator", "tensorboard", "tensorflow-text", "tf-models-official")


_DIRECTML = "tensorflow-directml-plugin"


def add_on(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD607: the add-on's release for this TensorFlow, or the TensorFlow for it."""
    # An operation that a model calls, and the add-on registers when it is imported.
    name = next((group[3:].replace("_", "-") for group in said if group.startswith("of_")), "")
    if not name:
        return _release(context, said)
    first = f"Import {name.replace('-', '_')} before the model is loaded: that registers its operations."
    there = context.env.package(name)
    if there is not None and there not in context.env.requested and there.version:
        return Fix(note=first)
    fix = _release(context, {"name": name})
    return fix._replace(note=f"{first} {fix.note}".strip()) if fix.commands else fix


def _release(context: Context, said: Mapping[str, str]) -> Fix:
    text, env = context.env.error_text, context.env
    if "registered" in said:
        there = env.package(_DIRECTML)
        spec = f"{_DIRECTML}=={there.version}" if there and there.version else _DIRECTML
        return Fix(
            commands=(pip_uninstall([_DIRECTML]), pip_install([spec])),
            pip=(spec,),
            note="Two copies of the plugin were loaded: before it is installed again, delete what uninstalling left in "
            "the folder tensorflow-plugins of site-packages, and a copy in the user site.",
        )
    if "rival" in said:
        first = f"Name no release of either, and pip takes such as want one {said['name']}. Or keep {said['owner']} "
        note = f"{first}{said['version']}, and a {said['rival']} for {said['name']} {said['needs']}."
        return by_pip([normalise(said["owner"]), normalise(said["rival"])], note, ("--upgrade",))
    if "tensorflow.compat.v2' has no attribute 'contrib'" in text and context.tensorflow is not None:
        return by_pip(
            [f"{context.tensorflow.name}>=1.15,<2"],
            "Or an older add-on: tensorflow-datasets<2, tensorflow-probability<0.8.",
        )
    name = _add_on_named(context, said)
    asks = asking(context)
    if asks not in ADD_ONS and _OF_TENSORFLOW_1.search(text) and before(context, "2.0") is not True:
        return tensorflow_1(context, asks)
    if context.tensorflow is not None and context.tensorflow.name.startswith("tf-nightly"):
        return by_pip([f"{name or 'tf-keras'}-nightly"], "A nightly TensorFlow goes with the nightly of its add-ons.")
    if name == "tensorflow-text" and env.os == "win":
        return text_on_windows(context)
    if name in ADD_ONS or not _is_own(library := said.get("library", "") or said.get("name", "")):
        library = ""
    if library:
        return Fix(note=_OWN.format(re.split(r"[\\/]", library)[-1]))
    if "tfdml" in text and (rows := context.matrix.builds(_DIRECTML)):
        there, ours, wanted = env.package(_DIRECTML), context.tensorflow, rows[-1].for_tensorflow
        if there and there.version and ours and versions.contains(wanted, ours.version or "0"):
            both = [f"{p.name}=={p.version}" for p in (ours, there)]
            return by_pip(both, "They go together: install both anew. It needs Windows 10 1903 and DirectX 12.", ANEW)
        return pair(context, {"tensorflow": wanted}, "The plugin for DirectML has ended with it.")
    if said.get("module") == "resource":
        python = env.python.minor
        later = not python or versions.key(python) >= versions.key("3.10")
        return change(context, {"tensorflow-datasets": ">=4.9.4" if later else "<4.9.3"}, "4.9.3 alone needs it.")
    if "pkg_resources" in text:
        return by_pip(
            ["setuptools<82"], f"{name or 'The add-on'} imports pkg_resources, which setuptools 82 no longer has."
        )
    needs, has = said.get("needs", ""), said.get("has", "")
    if "asks" in said:
        minor = versions.minor(re.sub(r"[^\d.]", "", has)) if re.fullmatch(r"==\s*[\d.]+\s*", has) else ""
        if name in IN_STEP and minor:
            return by_pip([f"{name}=={minor}.*"])
        return pair(
            context,
            {"tensorflow": needed({**said, "name": "tensorflow"}, "tensorflow")},
            f"Or a release of {name} for the other." if name else "Or another release of what asks for it.",
        )
    if name == "tensorflow-hub" and "'KerasLayer'" in text and before(context, "1.15"):
        newer = {"tensorflow": ">=2,<2.16", "tensorflow-hub": ">=0.12"}
        return pair(context, newer, "hub.KerasLayer came with TensorFlow 2; of TensorFlow 1, 1.15 has it too.")
    if "requires TensorFlow version" in text and needs:
        minor = versions.minor(has) if has else minor_of(context)
        older = fitting(context, name, minor) if minor else ""
        # What asks for it was made before Keras 3, or before TensorFlow 2, and does not work with those either.
        below = next((f",<{v}" for v in ("2", "2.16") if versions.key(needs) < versions.key(v)), "")
        pip = (f"tensorflow>={needs}{below}",)
        note = f"Or keep TensorFlow {has} and take {older}." if older else ""
        if not _can_have(context, needs):
            return by_pip([older], f"Or a newer Python with tensorflow>={needs}.") if older else Fix(pip=pip, note=note)
        return by_pip(pip, note)
    if name == "tf-keras" or not name:
        if "tf_keras" in text or name == "tf-keras":
            return legacy_keras(context)
        return Fix(note="Install the add-on's release for this TensorFlow, with the same minor version.")
    there = env.package(name)
    wheels, python = context.matrix.wheels, env.python.minor
    none_here = python and wheels.newest(name, "", env.platform) and not wheels.newest(name, "", env.platform, python)
    blind = "undefined symbol" in text and not (there and there.version)
    if (none_here or blind) and (sure := _for_every_build(context, name)):
        return sure
    if (none_here or not _suits(context, name)) and (latest := _last_pair(context, name)):
        return latest
    fits = fitting(context, name, minor_of(context))
    if together := _to_be_had(context, name, fits):
        return together
    if there and there.version and fits == f"{name}=={there.version}":
        if name in IN_STEP and versions.minor(there.version) != minor_of(context):
            # It loads beside the release as the index has it, and failed beside this one.
            return by_pip([f"{name}=={minor_of(context)}.*"])
        both = [f"{p.name}=={p.version}" for p in (context.tensorflow, there) if p is not None and p.version]
        return by_pip(both, "They go together as the index has them: install both anew.", ANEW)
    asked = parse_requirement(fits)[1] if fits else ""
    last = versions.minor(context.matrix.wheels.newest(name))
    if asked and last and name in IN_STEP and not context.matrix.wheels.newest(name, asked, env.platform):
        # The add-on has ended with an older release.
        return pair(context, {"tensorflow": f"=={last}.*", name: f"=={last}.*"}, f"{name} has ended with {last}.")
    if not fits and (sure := _for_every_build(context, name)):
        return sure
    if none_here and (other := _of_another_python(context, name)):
        return other
    if not fits and name in IN_STEP and not none_here:
        alike = (
            f"{name} has the version of its TensorFlow, which the newest brings along; or keep TensorFlow, and take "
        )
        return by_pip([name], f"{alike}{name} of the same minor version.", ("--upgrade",))
    here = wheels.installable(name, env.platform, python)
    if not fits and here and not wheels.has(name, wheels.releases(name)[0].version, env.platform, python):
        note = f"For {env.platform} there are wheels of it from {here[-1]} on: take TensorFlow's minor with it."
        return by_pip([f"{name}>={here[-1]}"], note)
    return by_pip([fits]) if fits else by_pip([name], "Take its release for this TensorFlow.", ("--upgrade",))


_OWN = (
    "{} is compiled against one TensorFlow and loads beside that one alone: compile it again with what "
    "tf.sysconfig.get_compile_flags() and tf.sysconfig.get_link_flags() give in this environment (they tell the C++ "
    "ABI and libtensorflow_framework's name too), or take the TensorFlow that it was made for."
)
# What the last release of an add-on that has ended is followed by.
_FOLLOWED = {
    "tensorflow-addons": " What it had is in Keras itself now (metrics, losses, layers), or in keras-cv.",
    "tensorflow-decision-forests": " ydf is what follows it, and reads its models: python -m pip install ydf.",
}


def _elsewhere(context: Context, name: str) -> Fix:
    """Return where an add-on can be used that has no wheel for this platform."""
    env = context.env
    follows = _FOLLOWED.get(name, "")
    if "pip install" in follows:
        here = context.matrix.wheels.newest(follows.split()[-1].rstrip("."), "", env.platform, env.python.minor)
        follows = follows if here else ""
    other = "use it on Linux for x86-64 (docker run --platform linux/amd64)"
    other = "use it on Linux (WSL2)" if env.os == "win" else other
    return Fix(note=f"{name} has no wheels for {env.platform}: {other}, or do without.{follows}")


def _of_another_python(context: Context, name: str) -> Fix | None:
    """Return an environment of a Python that an add-on has wheels for here, with the TensorFlow that it is for."""
    wheels, env = context.matrix.wheels, context.env
    version = wheels.newest(name, "", env.platform)
    for minor in minors(context) if version else ():
        pythons = [each for each in _pythons(context, minor) if wheels.has(name, version, env.platform, each)]
        if pythons and _made_for(context, name, version, minor):
            pip = (f"tensorflow=={minor}.*", f"{name}=={version}")
            note = f"{name} {version} has wheels for Python {pythons[-1]}, and is for TensorFlow {minor}."
            return Fix((), pip, fresh(pythons[-1], pip=pip), note + _FOLLOWED.get(name, ""))
    return None


def _made_for(context: Context, name: str, version: str, minor: str) -> bool:
    """Tell whether a release of an add-on is for a minor of TensorFlow, by what is known of any platform."""
    return any(
        versions.contains(entry.get("tensorflow", ""), f"{minor}.0")
        and versions.contains(entry["works"].replace("{minor}", minor), version)
        for table in ("works_symbols", "works_plugins")
        for entry in context.matrix.entries(table, name)
        if entry.get("works")
    )


def _is_own(library: str) -> bool:
    """Tell whether a library is one that somebody compiled himself, and no part of an installed package."""
    found = re.search(r"\.(?:so|dylib|pyd|dll)\b", library)
    return bool(found) and not re.search(r"(?:site|dist)-packages|tensorflow|tfdml|horovod|metal", library)


def _suits(context: Context, name: str) -> bool:
    """Tell whether any release of an add-on is for this TensorFlow, as far as the tables know."""
    minor = minor_of(context)
    return (
        not minor
        or not context.matrix.wheels.newest(name)
        or name not in _FOLLOWED
        or bool(fitting(context, name, minor))
    )


def _last_pair(context: Context, name: str) -> Fix | None:
    """Return the newest TensorFlow that a release of an add-on is for, with that release."""
    env = context.env
    for minor in minors(context):
        fits = fitting(context, name, minor, "")
        spec = parse_requirement(fits)[1] if fits else ""
        newest = context.matrix.wheels.newest(name, spec, env.platform) if spec else ""
        if newest:
            note = f"{name} {newest} is the last that has a wheel for {env.platform}, and is for TensorFlow {minor}."
            return pair(context, {"tensorflow": f"=={minor}.*", name: f"=={newest}"}, note + _FOLLOWED.get(name, ""))
    return None


_OF_TENSORFLOW_1 = re.compile(
    r"module 'tensorflow' has no attribute '(?:contrib|placeholder|Session|ConfigProto|app|flags|get_variable|layers"
    r"|gfile|logging|python_io|losses|variable_scope|reset_default_graph|global_variables\w*|set_random_seed|GraphDef)'"
    r"|No module named 'tensorflow\.(?:contrib|examples)"
)


def tensorflow_1(context: Context, asks: str) -> Fix:
    """Return the last TensorFlow 1, where there is one, for a package that was written for it."""
    note = f"Take a release of {asks or 'the package in the traceback'} that was written for TensorFlow 2"
    last = stable(context.matrix.versions("tensorflow", PYPI, context.env.platform))
    if not any(versions.contains("==1.15.*", version) for version in last):
        return Fix(note=f"{note}; there is no TensorFlow 1 for this platform.")
    return pair(context, {"tensorflow": "==1.15.*"}, f"{note}; or stay with it and with TensorFlow 1, as above.")


def _add_on_named(context: Context, said: Mapping[str, str]) -> str:
    """Return the add-on that the text is about, else the one that was asked for or is there."""
    name = said.get("name", "").split(".")[0].replace("_", "-")
    if name in ADD_ONS:
        return name
    text = f"{said.get('library', '')} {context.env.error_text}"
    for distribution in ADD_ONS:
        if re.search(rf"(?<![\w-]){distribution.replace('-', '[-_ ]')}(?![\w-])", text, re.IGNORECASE):
            return distribution
    if "Addons>" in text:
        return "tensorflow-addons"
    if re.search(r"(?:from|import) (?:official|object_detection)\b|[\\/](?:official|object_detection)[\\/]", text):
        # The models' modules, which are run from a clone of their repository too.
        return "tf-models-official"
    if (
        "estimator" in text
        or "export_saved_model" in text
        or "doc_controls" in text
        or said.get("attribute") == "compat"
    ):
        return "tensorflow-estimator"
    asks = asking(context)
    if context.env.package(asks) and asks not in (*OWNERS, *requirements(context)):
        return asks
    return next((p.name for p in (*context.env.requested, *context.env.packages) if p.name in ADD_ONS), "")


def _for_every_build(context: Context, name: str) -> Fix | None:
    """Return the pair that loads whichever distribution it is, where beside one of this release no add-on does."""
    env, minor = context.env, minor_of(context)
    for entry in context.matrix.entries("works_symbols", name) if minor else ():
        here = {env.os, env.platform} & set(entry.get("platform", (env.os,)))
        for row in entry["breaks"] if here and versions.contains(entry["tensorflow"], f"{minor}.0") else ():
            if row.get("fix") and "tensorflow" in row["fix"]:
                return pair(context, row["fix"], row.get("remedy", ""))
    return None


def fitting(context: Context, name: str, minor: str, python: str | None = None) -> str:
    """Return the requirement of an add-on for a minor of TensorFlow; empty where nothing is known.

    Args:
        context: The environment.
        name: Normalised name.
        minor: That of the TensorFlow.
        python: A minor in place of the environment's; empty for any.
    """
    if not minor:
        return ""
    python = context.env.python.minor if python is None else python
    known = (entry for table in ("works_symbols", "works_plugins") for entry in context.matrix.entries(table, name))
    for entry in filter(partial(holds_here, context), known):
        works = entry.get("works", "").replace("{minor}", minor)
        if works and versions.contains(entry.get("tensorflow", ""), f"{minor}.0"):
            newest = context.matrix.wheels.newest(name, works, context.env.platform, python)
            return f"{name}=={newest}" if newest else f"{name}{works}"
    if name in IN_STEP:
        return f"{name}=={minor}.*"
    return ""


def _to_be_had(context: Context, name: str, fits: str) -> Fix | None:
    """Return an add-on with the TensorFlow to go to for it, where no wheel of it goes with the one that is here.

    Args:
        context: The environment.
        name: The add-on.
        fits: Its requirement for this TensorFlow; empty where that, or the TensorFlow, is unknown.
    """
    env, wheels, minor = context.env, context.matrix.wheels, minor_of(context)
    if not wheels.releases(name) or not env.platform:
        return None
    if not wheels.newest(name, "", env.platform):
        return _elsewhere(context, name)
    if (minor and not fits) or (fits and wheels.newest(*parse_requirement(fits), env.platform, env.python.minor)):
        return None
    near = sorted(
        minors(context, env.python.minor), key=lambda m: (minor and abs(_number(m) - _number(minor)), -_number(m))
    )
    for other in near:
        spec = fitting(context, name, other)
        if spec and wheels.newest(*parse_requirement(spec), env.platform, env.python.minor):
            if not minor and other == near[0]:
                break  # the newest of both go together
            its = f"=={other}.*" if name in IN_STEP else parse_requirement(spec)[1]
            wanted = {"tensorflow": f"=={other}.*", name: its}
            return pair(context, wanted, f"{name} has wheels for this Python and TensorFlow {other}.")
    for python in reversed(_pythons(context, minor) if env.python.minor and fits else ()):
        if wheels.newest(*parse_requirement(fits), env.platform, python):
            pip = (f"tensorflow=={minor}.*", fits)
            return Fix((), pip, fresh(python, pip=pip), f"{name} has wheels for Python {python}.")
    return None


def _number(minor: str) -> int:
    major, _, rest = minor.partition(".")
    return int(major) * 100 + int(rest or 0)


def _pythons(context: Context, minor: str) -> list[str]:
    """Return the Pythons that the wheels of a minor of TensorFlow are for, oldest first."""
    rows = context.matrix.rows(minor, channel=PYPI, platform=context.env.platform, distribution="tensorflow")
    return sorted({python for row in rows for python in row.python}, key=versions.key)


def _can_have(context: Context, version: str) -> bool:
    minor = context.env.python.minor
    rows = context.matrix.builds("tensorflow", channel=PYPI, platform=context.env.platform)
    return not minor or any(minor in row.python and versions.contains(f">={version}", row.tensorflow) for row in rows)


def remedied(context: Context, name: str, changes: Mapping[str, str]) -> Fix:
    """Return the fix for a known breakage: packages to change, by range, unless this platform has none of them."""
    if name == "tensorflow-text" and context.env.os == "win":
        return text_on_windows(context)
    here = name in changes and owner(context, name) != CONDA
    return (_to_be_had(context, name, f"{name}{changes[name]}") if here else None) or change(context, changes)


def text_on_windows(context: Context) -> Fix:
    """Return the pair to take: tensorflow-text has wheels for Windows from 2.4 to 2.10 only."""
    minor = minor_of(context)
    newer = not minor or versions.contains(">=2.10", f"{minor}.0")
    take = "2.10" if newer else minor if versions.contains(">=2.4", f"{minor}.0") else "2.4"
    # Its own version is not to be changed where there is a tensorflow-text for it.
    kept = {} if take == minor else {"tensorflow": f"=={take}.*"}
    note = "Newer releases of tensorflow-text have no wheels for Windows: use them on Linux (WSL2)."
    return pair(context, {**kept, "tensorflow-text": f"=={take}.*"}, note, take)
