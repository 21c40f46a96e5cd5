"""Advice about Keras: TFD605, and the Keras 2 that TensorFlow 2.16 and later can still be given."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import find
from ..findings import Fix
from ..installers import ANEW, pip_install, pip_uninstall
from ..names import parse_requirement
from .make import NEW, asking, before, by_pip, change, fresh, is_conda, minor_of, minors, pair, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

_KERAS_3 = "2.16"


def legacy_keras(context: Context, note: str = "") -> Fix:
    """Return Keras 2 for a TensorFlow whose own is Keras 3: tf-keras of its minor, and the variable for it."""
    nightly = context.tensorflow is not None and context.tensorflow.name.startswith("tf-nightly")
    spec = "tf-keras-nightly" if nightly else "tf-keras"
    if not nightly and minor_of(context) and context.matrix.wheels.newest("tf-keras", f"=={minor_of(context)}.*"):
        spec = f"tf-keras~={minor_of(context)}.0"
    how = "Set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported, so that tf.keras is Keras 2"
    if re.search(
        r"(?:site|dist)-packages[\\/]keras[\\/]src|^[ \t]*(?:from|import) keras\b", context.env.error_text, re.M
    ):
        how += " (code that imports keras itself imports tf_keras in its place)"
    env = context.env
    older = context.matrix.wheels.newest("tensorflow", "<2.16", env.platform, env.python.minor)
    how += "; or tensorflow<2.16." if older or not env.platform else "; or tensorflow<2.16 with Python 3.11."
    for said, also in _ALSO:
        if re.search(said, env.error_text):
            how += also
    there = find(context, "tf-keras")
    if there and there.version and versions.contains(parse_requirement(spec)[1], there.version):
        return Fix(note=f"{note} tf-keras is here: {how[0].lower()}{how[1:]}".strip())
    # One that is there may be the one that failed.
    return by_pip([spec], f"{note} {how}".strip(), ("--upgrade",) if spec == "tf-keras" else ())


# What does without Keras 2.
_ALSO = (
    ("has never been called and thus", " Or begin the model with keras.Input(shape=…) and call it once."),
    ("Could not locate function", " Or load the model without what it was trained by: load_model(…, compile=False)."),
)


# What only Keras 2 has, and code or models made with it ask for.
_OF_KERAS_2 = re.compile(
    r"passed to \w+: \{'(?:groups|batch_input_shape|input_dtype|input_length|weights|fused|implementation|time_major)"
    r"|keyword argument '(?:groups|batch_input_shape|input_dtype|input_length|weights|fused|implementation|time_major)"
    r"|KerasTensor'> is not allowed|expected \d+ inputs?\S* Received|KerasTensor shape"
    r"|DepthwiseConv2D'? using config=\{[^\n]*'groups'"
    r"|batch_input_shape|Keras 3 only supports|(?:not supported by|available \w+) `?Keras 3|is Keras 3"
    r"|tf[-_]keras\b[^\n]*package|TF_USE_LEGACY_KERAS|KerasTensor cannot be used|'__internal__'"
    r"|Could not locate (?:class|function)|legacy_tf_layers|has never been called and thus"
    r"|keras\.(?:preprocessing|engine|wrappers|utils\.(?:np_utils|generic_utils)|optimizers\.legacy)",
)
# What only Keras 3 writes and has.
_OF_KERAS_3 = re.compile(
    r"\['batch_shape'|argument 'batch_shape'|\.keras\b[^\n]{0,120}signature not found"
    r"|(?:not exist at|in the file|signature not found)[^\n]{0,120}\.keras\b|config=\{[^\n]*'batch_shape'"
    r"|requires Keras 3|DTypePolicy|'quantization_config'|Keras requires TensorFlow 2\.16|Unknown layer: '?GetItem"
    r"|keras\.(?:ops|api|_tf_keras)\b|keras\.src\.(?:legacy|ops|models\.functional|saving\.saving_lib)"
)

# What keras itself, imported as such, had up to 2.12.
_BEFORE_2_13 = re.compile(
    r"No module named '?keras\.(?:engine|legacy_tf_layers)\b|module '?keras[\w.]*'? has no attribute '?__version__"
    r"|cannot import name '?(?:layer_utils|generic_utils)'? from 'keras\.utils"
    r"|module '?keras\.utils'? has no attribute '?(?:generic_utils|layer_utils)"
)

# Keras's old copy inside of TensorFlow, or what that alone asks for.
_LEFT_KERAS = re.compile(r"tensorflow[./\\]python[./\\]keras\b|input_lib'? has no attribute")


# Keras 2 is newer than the TensorFlow beside it.
_ASKED_OF_TENSORFLOW = re.compile(r"cannot import name '?\w+'? from '?tensorflow\.(?!python\.keras|keras)")
_LEFT_NAME = re.compile(r"cannot import name '?\w+'? from '?tensorflow\.python\.keras")


def keras(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD605: one Keras for TensorFlow and for the code: which of the two is told by the message."""
    text, minor = context.env.error_text, minor_of(context)
    if "range" in said and (fix := _by_name(context, said)):
        return fix
    old = before(context, _KERAS_3)
    there = find(context, "keras")
    version = there.version if there else ""
    if _OF_KERAS_3.search(text) and re.search(r"[\\/]tf_keras[\\/]", text):
        return Fix(
            note="The model is of Keras 3, and it is tf_keras (Keras 2) that reads it: unset TF_USE_LEGACY_KERAS, and "
            "load it with keras (tf.keras), or train and save it with tf_keras too."
        )
    if old and "TF_USE_LEGACY_KERAS" in text:
        fix = by_pip([f"tf-keras~={minor}.0" if versions.contains(">=2.14", f"{minor}.0") else "tf-keras"])
        return fix._replace(note="Or unset TF_USE_LEGACY_KERAS: this TensorFlow's own Keras is Keras 2.")
    if context.tensorflow is not None and context.tensorflow.name.startswith("tf-nightly"):
        return legacy_keras(context, "A nightly TensorFlow goes with the nightly of its add-ons.")
    if re.search(r"Unrecognized keyword arguments[^\n]*'ragged'", text):
        return pair(
            context,
            {"tensorflow": ">=1.15"},
            "The model was saved by TensorFlow 1.15 or later, whose InputLayer has `ragged`.",
        )
    if "'keras.api._v" in text:
        pins = [f"tensorflow=={minor}.*", f"keras=={minor}.*"] if minor and old else ["tensorflow", "keras"]
        note = "keras is of TensorFlow's minor version (2.x with 2.x, 3 with 2.16 and later): write both anew."
        return by_pip(pins, note, ("--upgrade", *ANEW[:2]))
    if newer := _of_later(context, version):
        return newer
    if before(context, _HAS_KERAS) and re.search(r"No module named '?tensorflow\.keras'?(?![.\w])", text):
        note = f"tensorflow.keras is there from {_HAS_KERAS} on; code for TensorFlow 1 takes tensorflow==1.15.*."
        return pair(context, {"tensorflow": ">=2,<2.16"}, note)
    if _REGISTERED_TWICE.search(text) and (one := _one_copy(context, version)):
        return one
    left = said.get("module") or said.get("name", "").startswith("tensorflow.python.keras") or _LEFT_NAME.search(text)
    if re.search(r"No module named ['\"]?keras['\"]?(?![.\w])", text):
        mine = "Or write tensorflow.keras for keras, where the code is yours."
        return change(context, {"keras": working(context, "keras")}, mine)
    if old is False and re.search(r"No module named '?tensorflow\.keras'?(?![.\w])", text):
        # tf.keras is the package keras from 2.16 on.
        return by_pip(["keras>=3"], "tensorflow.keras is the package keras, and what is there is not whole.", ANEW)
    if left and _LEFT_KERAS.search(text) and not before(context, "2.13"):
        note = "tensorflow.python.keras is none of TensorFlow's interface. Where the code is yours, import "
        note += "tensorflow.keras (tf.keras), and install nothing; a package that imports it needs tensorflow<2.13."
        return _of_minor(context, "2.12", note)
    wants_3 = bool(_OF_KERAS_3.search(text)) and not (version and versions.contains(">=3", version))
    if wants_3 and old is not False:
        return _keras_3(context)
    if _BEFORE_2_13.search(text) and before(context, "2.13") is not True:
        note = "These names left keras with 2.13 (keras.engine became keras.src.engine), and TF_USE_LEGACY_KERAS does "
        note += "not bring them back: take what replaced them where the code is yours."
        return _of_minor(context, "2.12", note)
    if old:
        # Keras 2.4 and later is TensorFlow's own, from 2.2 on.
        changes = {"keras": working(context, "keras") or ("<2.4" if before(context, "2.2") else "<2.16")}
        if find(context, "tf-keras"):
            changes["tf-keras"] = f"~={minor}.0"
        return change(context, changes, "Or take tensorflow>=2.16, whose Keras is Keras 3, where the code wants that.")
    if version and versions.contains("<3", version) and old is False:
        return change(context, {"keras": ">=3"}, "Keras 2 is tf-keras from TensorFlow 2.16 on.")
    if old is False and version and re.search(r"cannot import name '\w+' from 'keras\.src\.", text):
        note = "Files of two releases of keras lie over each other: write them anew."
        return by_pip([f"keras=={version}"], note, ("--force-reinstall", "--no-cache-dir", "--no-deps"))
    if old is False and re.search(r"cannot import name '\w+' from 'keras\.(?!src)", text):
        # The variable changes tf.keras alone.
        note = "The code imports keras itself, which stays Keras 3: or have it import from tf_keras (pip's tf-keras)."
        return _of_minor(context, "2.15", note)
    newest = _newest(context)
    if old is None and newest and versions.key(newest) < versions.key(_KERAS_3):
        # The newest keras that pip takes beside it may be another (keras 2.8 beside TensorFlow 2.6).
        return _of_minor(context, newest, "keras 2.x goes with tensorflow of the same 2.x.")
    if old is None and version and versions.contains(">=2.4,<3", version) and _ASKED_OF_TENSORFLOW.search(text):
        return _of_minor(context, versions.minor(version), f"keras {version} goes with tensorflow of the same minor.")
    if old is False or version or _OF_KERAS_2.search(text):
        return legacy_keras(context)
    # Nothing tells which of the two is to be changed: a pair, where the newest of both would be Keras 3 and numpy 2.
    older = [m for m in minors(context, context.env.python.minor) if versions.key(m) < versions.key(_KERAS_3)]
    if older:
        note = "keras 2.x goes with tensorflow of the same 2.x. Code for Keras 3 takes 'tensorflow>=2.16' instead."
        return _of_minor(context, older[0], note)
    note = "keras 2.x goes with tensorflow of the same 2.x, keras 3 with 2.16 and later; with those, tf-keras and "
    return by_pip(["tensorflow", "keras", "tf-keras"], f"{note}TF_USE_LEGACY_KERAS=1 give Keras 2.", ("--upgrade",))


# The first release with a package tensorflow.keras that can be imported (its wheels).
_HAS_KERAS = "1.9"
_REGISTERED_TWICE = re.compile(r"Another metric with the same name|Cannot register 2 metrics with the same name")


def _one_copy(context: Context, version: str) -> Fix | None:
    """Return the one keras of TensorFlow's release, where a second one registers its metrics again.

    Returns:
        ``None`` where the one that is recorded is of another release, which is what has to be changed.
    """
    works = working(context, "keras")
    if works and version and not versions.contains(works, version):
        return None
    if not works and minor_of(context):
        return None
    # Without a version of TensorFlow: 2.6 was the first with a keras beside it, and does not hold pip to its own.
    asked = f"keras=={version}" if version else f"keras{works or '>=2.6,<2.7'}"
    note = "keras-nightly, and a second copy in another folder of sys.path, register the same metrics again."
    note += "" if works else " That is TensorFlow 2.6's; each later one has its own (keras 2.x with tensorflow 2.x)."
    commands = (pip_uninstall(("keras", "keras-nightly")), pip_install([asked], "--no-cache-dir"))
    return Fix(pip=(asked,), commands=commands, note=note)


# What layers of Keras 3 take and write, and the release of it that they do so from (its wheels).
_SINCE = ((r"'quantization_config'", "3.13"), (r"'optional'", "3.4"))


def _of_later(context: Context, version: str) -> Fix | None:
    """Return the Keras 3 that wrote what an older Keras 3 does not read; ``None`` where nothing tells of one."""
    first = next((first for said, first in _SINCE if re.search(said, context.env.error_text)), "")
    if not first or (version and versions.contains(f">={first}", version)):
        return None
    note = f"The model is of keras {first} or later."
    both = ("tensorflow>=2.16", f"keras>={first}")
    if not context.matrix.wheels.newest("keras", f">={first}", context.env.platform, context.env.python.minor):
        return Fix((), both, fresh("3.12", pip=both), note)
    if before(context, _KERAS_3) is False:
        return change(context, {"keras": f">={first}"}, note)
    return None if is_conda(context) else by_pip(both, note)


def _by_name(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return what to do where the text asks Keras for what only some releases have; ``None`` where this one has it."""
    there, asks = find(context, "keras"), asking(context)
    pickled = re.search(r"pickle|joblib|\bdill\b", context.env.error_text)
    minor, old, own = minor_of(context), before(context, _KERAS_3), asks in _NOBODY
    asked, having, new = said.get("name", ""), said["range"], said.get("instead", "")
    if f"from {asked.rpartition('.')[0]} import {asked.rpartition('.')[2]} " in f"{new} ":
        new = ""
    which = f"{asked or 'What is asked for'} is in keras {having.replace(' || ', ' and ')} only."
    which = "" if having == "<0" else which
    write = f"Where the code is yours: {new}." if new and not pickled else ""
    remedy = _ASKERS.get(asks, f"take a newer release of {asks}")
    if "bring" in said:
        note = f"{which} Today it is in {said['bring']}: {new}."
        return by_pip([said["bring"]], note if own else f"{note} Or {remedy}.")
    of_tensorflow = "3" if old is False else minor if minor and versions.contains(">=2.6", f"{minor}.0") else ""
    version = (there.version if there else "") or of_tensorflow
    if version and versions.contains(having, version):
        return None
    newer = old is False or bool(version and versions.contains(">=3", version))
    # The variable changes tf.keras alone.
    if "legacy" in said and newer and not asked.startswith("keras."):
        return legacy_keras(context, f"{write} {which}".strip())
    pins = _having(context, having)
    # Who asks for what came later is newer itself.
    first = re.match(r">=([\d.]+)", having)
    if first and version and versions.contains(f"<{first[1]}", version):
        remedy = f"take an older release of {asks}"
    note = f"{which} Or {remedy}."
    if pickled:
        note = f"{which} What was pickled names it: it is read where it was written, or has to be saved anew there."
    elif own:
        note = f"{write} Then nothing has to be installed. {which}" if write else which
        if "legacy" in said and newer:
            note += " Or have it import tf_keras (pip's tf-keras), which has it in every release."
    if not pins and versions.contains(having, "3.99"):
        return _keras_3(context)._replace(note=note)
    fix = pair(context, pins, note) if pins else Fix(note=note)
    if own and new and ("conda", "activate", NEW) in fix.commands:
        # An environment of another Python is more than a line of code.
        both = " with ".join(f"{name}{wanted}" for name, wanted in pins.items())
        return Fix(note=f"{note} To keep the code as it is: {both}, in an environment with an older Python.")
    return fix if pins or write else None


# Whose frames end a traceback where it is the user's own line that asks.
# What else helps a package that asks keras for what left it.
_ASKERS = {
    "segmentation-models": 'set SM_FRAMEWORK (os.environ["SM_FRAMEWORK"] = "tf.keras") before it is imported',
    "efficientnet": "import efficientnet.tfkeras, and install nothing",
    "classification-models": "import classification_models.tfkeras, and install nothing",
    "rl": "take keras-rl2, for TensorFlow up to 2.12",
    "mrcnn": "take a port of it to TensorFlow 2",
}
_NOBODY = ("", "keras", "tensorflow", "ipykernel", "ipython", "streamlit")


def _having(context: Context, keras_range: str) -> dict[str, str]:
    """Return TensorFlow and keras of the newest minor before Keras 3 whose keras is in a range; empty for none."""
    known = minors(context)
    for minor in known:
        if versions.contains(">=2.6,<2.16", f"{minor}.0") and versions.contains(keras_range, f"{minor}.0"):
            return {"tensorflow": f"=={minor}.*", "keras": f"=={minor}.*"}
    # The last keras that was a package beside TensorFlow and not a part of it.
    old = "2.2" in known and versions.contains(keras_range, "2.3.1")
    return {"tensorflow": "==2.2.*", "keras": "==2.3.1"} if old else {}


def _of_minor(context: Context, minor: str, note: str) -> Fix:
    """Return TensorFlow of a minor before 2.16, and the keras of the same one."""
    return pair(context, {"tensorflow": f"=={minor}.*", "keras": f"=={minor}.*"}, note)


def _newest(context: Context) -> str:
    """Return the minor of the newest TensorFlow that has a wheel for this Python; empty where nothing tells."""
    python = context.env.python.minor
    return next(iter(minors(context, python)), "") if python else ""


def _keras_3(context: Context) -> Fix:
    minor = context.env.python.minor
    note = "The model or the code is of Keras 3, which comes with TensorFlow 2.16 and later."
    if minor and versions.key(minor) < versions.key("3.9"):
        return Fix((), ("tensorflow>=2.16",), fresh("3.11", pip=("tensorflow>=2.16",)), note)
    name = context.tensorflow.name if context.tensorflow else ""
    both = (f"{name if name == 'tensorflow-cpu' else 'tensorflow'}>=2.16", "keras>=3")
    if is_conda(context):
        return Fix((), both, fresh(minor or "3.11", pip=both), note)
    return by_pip(both, note)
