"""How packages are called: by PEP 503, in conda, by pip, and under other names."""

from __future__ import annotations

from ._light import lru_cache, re
from ._typing import NamedTuple


@lru_cache(maxsize=1 << 14)
def normalise(name: str) -> str:
    """Return the PEP 503 form of a distribution name; conda names keep a leading underscore."""
    if name.isalnum() and name.islower():
        return name
    lead = "_" if name.startswith("_") else ""
    folded = name.replace("_", "-").replace(".", "-").strip("-").lower()
    return lead + ("-".join(filter(None, folded.split("-"))) if "--" in folded else folded)


# Microsoft Learn, "Naming files, paths, and namespaces".
_DEVICES = r"(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(?:\.|\Z)"


def windows_forbids(name: str) -> str:
    """Return why there can be no file or folder of a name on Windows; empty where there can."""
    if re.search(r'[<>:"/\\|?*\x00-\x1f]', name):
        return 'Windows allows none of <>:"/\\|?* in a name'
    if name.endswith((".", " ")):
        return "Windows drops a dot or a blank at the end of a name"
    return "Windows keeps that name for a device" if re.match(_DEVICES, name, re.I) else ""


_REQUIREMENT = r"\s*([A-Za-z0-9][\w.\-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)"

# Names by which conda and pip call the same thing; elsewhere the normalised names agree.
PIP_TO_CONDA = {
    "flatbuffers": "python-flatbuffers",
    "ml-dtypes": "ml_dtypes",
    "opt-einsum": "opt_einsum",
    "typing-extensions": "typing_extensions",
}
CONDA_TO_PIP = {normalise(conda): pip for pip, conda in PIP_TO_CONDA.items()}


def parse_requirement(text: str) -> tuple[str, str]:
    """Split a PEP 508 requirement into its name as written and its specifier set."""
    matched = re.match(_REQUIREMENT, text)
    return (matched.group(1), matched.group(2).replace(" ", "")) if matched else (text, "")


# Other names under which the same module is installed: conda's own, and that of a nightly build.
OTHER_NAMES = {
    "flatbuffers": "python-flatbuffers",
    "keras": "keras-nightly",
    "tensorboard": "tb-nightly",
    "tensorflow-estimator": "tf-estimator-nightly",
}
# Release candidates require the nightly builds of what the release will require.
OF_NIGHTLY = {"keras-nightly": "keras", "tb-nightly": "tensorboard", "tf-estimator-nightly": "tensorflow-estimator"}


class Member(NamedTuple):
    """What is known of a package of TensorFlow's stack, beside TensorFlow's own distributions.

    Attributes:
        owned: Whether who owns it decides a verdict: pip's over conda's is a fault.
        imported: Whether TensorFlow imports it, or what that imports in its turn.
        native: Whether it has compiled modules of its own, which are loaded with TensorFlow's.
        module: Its module, where a file of that name beside a script is known to be imported in its place.
    """

    owned: bool = True
    imported: bool = True
    native: bool = False
    module: str = ""


MEMBERS = {
    "numpy": Member(native=True, module="numpy"),
    "numpy-base": Member(owned=False, native=True),
    "protobuf": Member(native=True, module="google"),
    "h5py": Member(native=True, module="h5py"),
    "ml-dtypes": Member(native=True, module="ml_dtypes"),
    "grpcio": Member(native=True, module="grpc"),
    "wrapt": Member(native=True, module="wrapt"),
    "optree": Member(owned=False, native=True),
    "tensorflow-io-gcs-filesystem": Member(owned=False, native=True),
    "keras": Member(module="keras"),
    "keras-preprocessing": Member(),
    "keras-applications": Member(),
    "tf-keras": Member(),
    "tensorflow-estimator": Member(),
    "tensorboard": Member(module="tensorboard"),
    "absl-py": Member(module="absl"),
    "astunparse": Member(),
    "flatbuffers": Member(module="flatbuffers"),
    "python-flatbuffers": Member(owned=False),
    "gast": Member(module="gast"),
    "google-pasta": Member(),
    "namex": Member(owned=False),
    "opt-einsum": Member(),
    "packaging": Member(owned=False),
    "six": Member(module="six"),
    "termcolor": Member(),
    "typing-extensions": Member(),
    "tensorflow-metal": Member(imported=False),
    "tensorflow-text": Member(imported=False),
    "tensorflow-addons": Member(imported=False),
    "tensorflow-io": Member(imported=False),
    "tensorflow-probability": Member(imported=False),
    "tensorflow-hub": Member(imported=False),
}
# What a file beside a script may stand in for.
STACK_MODULES = frozenset({"tensorflow", *(member.module for member in MEMBERS.values() if member.module)})
