"""How packages are called: by PEP 503, in conda, by pip, and under other names."""

from __future__ import annotations

import re


def normalise(name: str) -> str:
    """Return the PEP 503 form of a distribution name; conda names keep a leading underscore."""
    if name.isalnum() and name.islower():
        return name
    lead = "_" if name.startswith("_") else ""
    return lead + re.sub(r"[-_.]+", "-", name).strip("-").lower()


# Microsoft Learn, "Naming files, paths, and namespaces".
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(?:\.|\Z)", re.I)


def windows_forbids(name: str) -> str:
    """Return why there can be no file or folder of a name on Windows; empty where there can."""
    if re.search(r'[<>:"/\\|?*\x00-\x1f]', name):
        return 'Windows allows none of <>:"/\\|?* in a name'
    if name.endswith((".", " ")):
        return "Windows drops a dot or a blank at the end of a name"
    return "Windows keeps that name for a device" if _DEVICES.match(name) else ""


_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.\-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)")

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
    matched = _REQUIREMENT.match(text)
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
