"""What an error text establishes, beside what the rules found in the facts.

A text that says what failed may alone establish a cause; facts may refute one; where both speak of the same cause,
it is certain. What a text only makes possible becomes an ``info``, so that nothing is lost and no alarm is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..findings import CERTAIN, ERROR, INFO, LIKELY, POSSIBLE, WARNING, Finding, Fix

if TYPE_CHECKING:
    from ..explain.rank import Cause
    from .context import Context

# Where a text is no more than possible for anything, its first cause is still what the user should look at first.
_NEEDS = {
    "TFD401": "the Visual C++ runtime of that machine: `conda tf-doctor report` there, or the list of installed programs",
    "TFD402": "the version of the Visual C++ runtime of that machine: `conda tf-doctor report` there",
    "TFD104": "whether the CPU has AVX: `conda tf-doctor report` on that machine, or /proc/cpuinfo",
    "TFD301": "which CUDA is installed: `nvcc --version`, `conda list cuda`",
    "TFD302": "which CUDA is installed, and whether its folder is on the search path: `nvcc --version`, `conda list cuda`",
    "TFD303": "which cuDNN is installed: `conda list cudnn`, or cudnn_version.h",
    "TFD304": "which cuDNN is installed: `conda list cudnn`, or cudnn_version.h",
    "TFD306": "the driver's version: `nvidia-smi`",
    "TFD501": "which DLL is missing: `conda tf-doctor dlls` in the environment",
    "TFD701": "whether the environment is activated: `conda info` in the same terminal",
    "TFD702": "PATH, LD_LIBRARY_PATH and CUDA_PATH of the failing process: `conda tf-doctor report` there",
    "TFD703": "which file is imported: `python -c \"import tensorflow; print(tensorflow.__file__)\"`",
    "TFD704": "the names of the files beside the script",
    "TFD201": "the Python version: `python --version`",
}
_FIX = {
    "TFD101": Fix(note="Make a new environment with a 64-bit Python (a 64-bit Miniforge or Miniconda)."),
    "TFD102": Fix(note="Make a new environment whose Python and packages are all for one machine."),
    "TFD103": Fix(note="Use a platform that TensorFlow is built for, or a vendor's build for this one."),
    "TFD104": Fix(note="Use a build without AVX (TensorFlow 1.5, or conda's eigen builds), or another machine."),
    "TFD105": Fix(note="Use a native (osx-arm64) conda and TensorFlow in place of the x86-64 one."),
    "TFD106": Fix(note="Use conda's build, which is made for an older glibc, or a newer system."),
    "TFD201": Fix(note="Make an environment with a Python that this TensorFlow has builds for; `conda tf-doctor matrix` lists them."),
    "TFD301": Fix(note="Install the CUDA version that this build was made for; `conda tf-doctor matrix` lists it."),
    "TFD302": Fix(note="Install the CUDA version of this build, or put the folder of the one that is there on the loader's search path."),
    "TFD303": Fix(note="Install the cuDNN version that this build was made with; `conda tf-doctor matrix` lists it."),
    "TFD304": Fix(note="Install cuDNN for the installed CUDA, and put its folder on the search path."),
    "TFD305": Fix(note="Use TensorFlow 2.10 (the last with GPU support on native Windows), or WSL2."),
    "TFD306": Fix(note="Update the NVIDIA display driver."),
    "TFD307": Fix(note="Put zlibwapi.dll (64-bit) into a folder on PATH, or use cuDNN 8.1 or 8.2."),
    "TFD308": Fix(note="Install cuda-nvcc and set XLA_FLAGS=--xla_gpu_cuda_data_dir to the folder that holds nvvm/libdevice."),
    "TFD401": Fix(note="Install the current Visual C++ redistributable for x64, or conda's vc14_runtime."),
    "TFD402": Fix(note="Install the current Visual C++ redistributable for x64, or conda's vc14_runtime."),
    "TFD501": Fix(note="Install the package that holds the library; `conda tf-doctor dlls` names what is missing."),
    "TFD502": Fix(note="Clear the package cache and install the package again."),
    "TFD503": Fix(note="Install the package again, forcing its files to be written."),
    "TFD504": Fix(note="Take the folder of the other copy off PATH, or remove it; `conda tf-doctor dlls` shows which is loaded."),
    "TFD505": Fix(note="Install the version of the library that its importer was built with."),
    "TFD601": Fix(note="Keep one of the two copies: uninstall pip's and reinstall conda's, or the other way round."),
    "TFD602": Fix(note="Uninstall every TensorFlow distribution, delete what is left of the folder tensorflow, install one."),
    "TFD603": Fix(note="Install a numpy in the range that works with this TensorFlow."),
    "TFD604": Fix(note="Install a protobuf in the range that works with this TensorFlow."),
    "TFD605": Fix(note="Install the keras of the same release as TensorFlow (2.x), or keras 3 with 2.16 and later."),
    "TFD606": Fix(note="Install an h5py that works with this TensorFlow (h5py<3 up to 2.4)."),
    "TFD607": Fix(note="Install the add-on's release for this TensorFlow, with the same minor version."),
    "TFD608": Fix(note="Take TensorFlow and its libraries from one channel (strict channel priority)."),
    "TFD609": Fix(note="Install the tensorflow-metal that goes with this TensorFlow and macOS, or uninstall it."),
    "TFD610": Fix(note="Install a newer libstdcxx (libstdcxx-ng) into the environment."),
    "TFD611": Fix(note="Install the dependency that the message names, in the range that works with this TensorFlow."),
    "TFD701": Fix(note="Activate the environment in the terminal or the IDE that starts Python."),
    "TFD702": Fix(note="Take the other folder out of PATH, LD_LIBRARY_PATH or CUDA_PATH, or put the right one first."),
    "TFD703": Fix(note="Uninstall the copy in the user site, or set PYTHONNOUSERSITE=1."),
    "TFD704": Fix(note="Rename the file (and delete its __pycache__), or start from another folder."),
}  # fmt: skip
_UNSURE = {CERTAIN: CERTAIN, LIKELY: LIKELY, POSSIBLE: POSSIBLE}


def is_open(finding: Finding) -> bool:
    """Tell whether a finding only says what is not known (see :mod:`.undecided`)."""
    return finding.severity == INFO and finding.found == "unknown"


def _shortened(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _new(cause: Cause, severity: str) -> Finding:
    needs = _NEEDS.get(cause.code, "")
    return Finding(
        cause.code,
        severity,
        cause.why,
        found=_shortened(cause.line),
        expected=cause.captured.get("needs", ""),
        evidence=("error_text",),
        source=f"explain/{cause.signature}",
        fix=_FIX.get(cause.code, Fix()),
        confidence=_UNSURE[cause.likelihood],
        needs=(needs,) if needs and cause.likelihood != CERTAIN else (),
    )


def _joined(finding: Finding, cause: Cause, first: bool) -> Finding:
    """Return a rule's finding with what the text says of the same cause."""
    severity = finding.severity
    if (severity == WARNING and cause.likelihood != POSSIBLE) or (cause.likelihood == CERTAIN or first) and cause.strength > 1:
        # What is fragile, or was never known to break, has broken: the user saw it.
        severity = ERROR
    line = f"error_text: {_shortened(cause.line)}"
    return finding._replace(
        severity=severity,
        evidence=(*finding.evidence, line),
        confidence=CERTAIN if cause.likelihood == CERTAIN or finding.confidence == CERTAIN else finding.confidence,
    )


def from_error_text(context: Context, found: Iterable[Finding]) -> Iterable[Finding]:
    """Return the rules' findings joined with what the error text establishes.

    Args:
        context: The environment with its error text.
        found: What the rules found in the facts.
    """
    from ..explain.rank import rank

    given = list(found)
    # What a rule leaves open is no finding yet: the text may decide it.
    found = [finding for finding in given if not is_open(finding)]
    verdict = rank(context.env.error_text, context, found)
    context.verdict = verdict
    causes = {cause.code: cause for cause in verdict.causes}
    joined = [_joined(finding, causes[finding.code], finding.code == verdict.causes[0].code) if finding.code in causes else finding for finding in found]
    present = {finding.code for finding in joined}
    explained = any(finding.severity == ERROR and finding.code in causes for finding in joined)
    for place, cause in enumerate(verdict.causes):
        if cause.code in present:
            continue
        telling = cause.likelihood == CERTAIN or (
            cause.likelihood == LIKELY and (place == 0 or cause.strength >= 2) and not explained
        )
        # An exception that was seen has a cause; where none is more than possible, the first is the one to look at.
        broken = place == 0 and cause.strength >= 1 and not any(f.severity == ERROR for f in joined) and cause.likelihood != POSSIBLE
        joined.append(_new(cause, ERROR if telling or broken else INFO))
        explained = explained or telling or broken
    return [*joined, *(finding for finding in given if is_open(finding))]
