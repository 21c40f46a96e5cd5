"""What could be asked of a solver in addition: as the rules say, in a wider range, or what is there now.

Each strategy returns MatchSpecs, each with the finding that it answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..codes import ROWS
from ..environment.facts import CONDA, PIP
from ..environment.solve import Plan
from ..environment.stack import touches
from ..environment.tensorflow import OWNERS, find_tensorflow
from ..findings import Finding
from ..names import normalise
from ..versions import conda_contains, minor, parse_matchspec, release
from .verdict import Verdict

# What a channel may have, too; not 2.10.0+local.
_PLAIN = re.compile(r"[0-9][0-9a-z._]*")
# How the channels mark their builds for a GPU, and those for the CPU.
_GPU_BUILDS = {"conda-forge": "*cuda*", "defaults": "gpu_*"}
_CPU_BUILDS = {"conda-forge": "cpu*", "defaults": "mkl_*"}

Constraints = dict[str, Finding]


def by_all_rules(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for what the rules say would repair each finding, also those that nobody is stopped for."""
    return {**by_gpu_build(verdict, planned), **_ruled(verdict, verdict.findings)}


def by_rules(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for what the rules say would repair each finding that has to be repaired."""
    return _ruled(verdict, verdict.stopping)


def _ruled(verdict: Verdict, findings: Iterable[Finding]) -> Constraints:
    """Return the pins of findings; what is there now and is content comes before a range.

    A finding that speaks of no version is answered by what is there now.
    """
    found: Constraints = {}
    for finding in findings:
        # What takes another TensorFlow of pip's as well is beyond any solver of conda's.
        for pin in () if finding.fix.pip else finding.fix.pins:
            found[_now(verdict, finding, pin) or pin] = finding
        if not finding.fix.pins and not finding.fix.pip and finding in verdict.stopping:
            found.update(_kept(verdict, [finding.package], finding))
    return found


def _now(verdict: Verdict, finding: Finding, pin: str) -> str:
    """Return the constraint that keeps what is there now, where that is better than the range of a rule."""
    spec = parse_matchspec(pin)
    now = verdict.before.conda(spec.name)
    if now is None or not now.version:
        return ""
    works = conda_contains(spec.version, now.version)
    if now.name == "python":
        # What pip has installed does not follow Python to another minor version.
        tensorflow = find_tensorflow(verdict.before)
        stays = works and tensorflow is not None and tensorflow.manager == PIP
        return f"python {verdict.before.python.minor}.*" if stays else ""
    # A finding on what is there would not be new, so its version works although the range leaves it out.
    return f"{now.conda_name} {now.version}" if not works and finding.package == now.name else ""


def by_range(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask as the rules do, but of cuDNN for any version that works, not only for the one that was tested."""
    found = by_rules(verdict, planned)
    for finding in verdict.stopping:
        if ROWS[finding.code].library == "cudnn" and finding.accepts:
            for pin in finding.fix.pins:
                found.pop(pin, None)
            found[f"cudnn {finding.accepts}"] = finding
    return found


def _kept(verdict: Verdict, names: Iterable[str], finding: Finding) -> Constraints:
    """Return constraints for what is there now; pip's version of it is what TensorFlow was content with, too."""
    found = {}
    for name in names:
        now = verdict.before.conda(name) or verdict.before.pip(name)
        if now is None or now.name in OWNERS or not _PLAIN.fullmatch(now.version):
            continue
        # A channel has the same minor version, though perhaps not the same patch.
        version = now.version if now.manager != PIP else f"{minor(now.version)}.*"
        found[f"{now.conda_name} {version}"] = finding
    return found


def by_gpu_build(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for the same TensorFlow built for a GPU, where CUDA stands beside one that cannot use it."""
    return _built(verdict, verdict.unused_cuda, _GPU_BUILDS)


def by_cpu_build(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for the same TensorFlow built for the CPU, where the machine's driver is too old for the CUDA of this one."""
    finding = next((each for each in verdict.stopping if each.code == "TFD306"), None)
    built = _built(verdict, finding, _CPU_BUILDS)
    return {**by_rules(verdict, planned), **built} if built else {}


def by_driver(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for a CUDA that the machine's display driver runs; builds of TensorFlow for it follow from that."""
    finding = next((each for each in verdict.stopping if each.code == "TFD306"), None)
    if finding is None or not verdict.cuda_below:
        return {}
    # What conda calls CUDA since its release 12.
    name = "cudatoolkit" if release(verdict.cuda_below)[0] <= 12 else "cuda-version"
    return {**by_rules(verdict, planned), f"{name} <{verdict.cuda_below}": finding}


def _built(verdict: Verdict, finding: Finding | None, builds: dict[str, str]) -> Constraints:
    tensorflow = verdict.tensorflow
    if finding is None or tensorflow is None or tensorflow.manager != CONDA or tensorflow.channel not in builds:
        return {}
    return {f"tensorflow {tensorflow.version} {builds[tensorflow.channel]}": finding}


def by_keeping(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for what is there now of the packages that the findings are about."""
    found: Constraints = {}
    for finding in verdict.stopping:
        names = [finding.package, *(parse_matchspec(pin).name for pin in finding.fix.pins)]
        found.update(_kept(verdict, names, finding))
    return found


def by_keeping_all(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for what is there now of everything in TensorFlow's stack that would change."""
    changed = sorted(record.name for record in planned.unlink if touches([record.name]))
    return _kept(verdict, changed, verdict.stopping[0])


def by_stepping_down(verdict: Verdict, planned: Plan) -> Constraints:
    """Ask for something older, series by series: more works than what was declared to."""
    found: Constraints = {}
    for finding in verdict.stopping:
        package = verdict.after.conda(finding.package)
        if package is None or not _PLAIN.fullmatch(package.version):
            continue
        for pin in finding.fix.pins:
            spec = parse_matchspec(pin)
            number = release(package.version)
            wanted = release(spec.version.split("<")[-1].strip("= ").rstrip(".*")) if "<" in spec.version else ()
            if normalise(spec.name) != package.name or not wanted or number < wanted:
                continue
            # Within the series of the range's end by minor versions, before that by major ones.
            below = f"{number[0]}.{number[1]}" if number[0] == wanted[0] and len(number) > 1 else str(number[0])
            found[f"{package.conda_name} <{below}"] = finding
    return found
