"""TFD603 to TFD607 where a fact is missing: what a report leaves open of the packages beside TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

from ...codes import CODE_OF_PACKAGE, ROWS
from ...context.context import Context
from ...environment.facts import CONDA
from ...findings import Finding, open_question
from ..cuda.cudnn import is_partial
from .packages import COMPILED

# Compiled against, or tied to, one minor of TensorFlow.
_ADD_ONS = frozenset(
    {
        "tensorflow-text", "tensorflow-addons", "tensorflow-io", "tensorflow-probability", "tensorflow-estimator",
        "tensorflow-hub", "tf-keras", "keras-nlp", "keras-hub", "keras-cv", "tf-models-official", "tf-agents",
        *COMPILED,
    }
)  # fmt: skip


def open_packages(context: Context) -> Iterator[Finding]:
    """Yield what is open of the packages."""
    env, build, tensorflow = context.env, context.build, context.tensorflow
    if tensorflow is None:
        return
    partial = is_partial(context) and tensorflow.manager != CONDA
    source = build.id if build else ""
    for code, name in ((rule.code, rule.package) for rule in ROWS.values() if rule.package and rule.stops):
        package = env.package(name)
        spec = getattr(build, name, "") if build else ""
        if name == "h5py" and context.is_before("2.5"):
            # Not declared before 2.2, and needed all the same; h5py 3 breaks what 2.4 and older load.
            spec = spec or "<3"
        if package is not None and package.version and not tensorflow.version:
            yield open_question(
                code, f"{name} {package.version} is there, but TensorFlow's version is not known.", "",
                "TensorFlow's version: `pip show tensorflow`", "", name,
            )  # fmt: skip
        elif (package is not None and not package.version) or (package is None and partial and (spec or not build)):
            yield open_question(
                code, f"The report does not say which {name} is beside {context.label}.",
                f"{name} {spec}".strip(), f"{name}'s version: `pip list`", source, name,
            )  # fmt: skip
    if tensorflow.version and not context.is_before("2.14") and (partial or env.package("keras") is not None):
        yield open_question(
            "TFD605", "The report does not say which Keras the code, or the model that it loads, was written for.", "",
            "whether the program was written for Keras 2 (TensorFlow up to 2.15) or for Keras 3", source, "keras",
        )  # fmt: skip
    for package in env.packages:
        code = CODE_OF_PACKAGE.get(package.name, "TFD607") if package.name in _ADD_ONS else ""
        if not code:
            continue
        if package.name in COMPILED and not package.depends and package.version and tensorflow.version:
            yield open_question(
                code, f"{package.name} is compiled for one release of TensorFlow, which the report does not name.", "",
                f"what {package.name} {package.version} requires: `pip show {package.name}`", source, package.name,
            )  # fmt: skip
        elif not (package.version and tensorflow.version):
            yield open_question(
                code, f"{package.name} has to fit TensorFlow, and the report does not name both versions.", "",
                f"the versions of {package.name} and TensorFlow: `pip list`", source, package.name,
            )  # fmt: skip
