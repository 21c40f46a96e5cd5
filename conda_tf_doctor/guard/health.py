"""The engine's verdict in ``conda doctor``: two lines and where to read on."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from ..cli.main import run
from ..cli.parser import parse
from ..engine.diagnose import diagnose
from ..engine.diagnosis import Diagnosis
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..findings import ERROR, WARNING
from ..matrix.load import load_matrix
from ..safely import safe
from ..shell import quoted
from .settings import ignored_codes, read_settings


def _diagnosis(prefix: str) -> Diagnosis:
    settings = read_settings()
    return diagnose(read_prefix(prefix), load_matrix(settings.matrix), ignored_codes(settings))


def check(prefix: str, verbose: bool) -> None:
    """Print what is wrong with an environment's TensorFlow.

    Args:
        prefix: The environment.
        verbose: Whether to print every finding, not only the first.
    """
    try:
        diagnosis = _diagnosis(prefix)
    except UsageError as error:
        # Conda would put it into its log, and print nothing: as if all were well.
        print(f"TensorFlow: not checked: {safe(str(error))}\n")
        return
    tensorflow = diagnosis.tensorflow
    if tensorflow is None:
        print("TensorFlow: not installed, nothing to check.\n")
        return
    name = safe(tensorflow.label)
    errors, warnings = diagnosis.count(ERROR), diagnosis.count(WARNING)
    if not errors and not warnings:
        silenced = f"; {diagnosis.ignored} finding(s) are silenced by tf_doctor_ignore" if diagnosis.ignored else ""
        what = "nothing else is wrong with it" if silenced else "is consistent with what is installed beside it"
        print(f"TensorFlow: {name}: {what}{silenced}.\n" if silenced else f"TensorFlow: {name} {what}.\n")
        return
    print(f"TensorFlow: {name} has {errors} error(s) and {warnings} warning(s):")
    told = [finding for finding in diagnosis.findings if finding.severity in (ERROR, WARNING)]
    for finding in told if verbose else told[:1]:
        print(f"  {finding.severity} {finding.code} {finding.name}: {safe(finding.message)}")
    print(f"  All of it: conda tf-doctor -p {safe(quoted(prefix))}\n")


def fix(prefix: str, args: Namespace, confirm: Callable[[str], None]) -> int:
    """Bring the environment to versions that work together, after asking.

    Args:
        prefix: The environment.
        args: The arguments of ``conda doctor``.
        confirm: Asks; raises where the answer is no, or under ``--dry-run``.

    Returns:
        The exit status.
    """
    diagnosis = _diagnosis(prefix)
    if not diagnosis.count(ERROR):
        if diagnosis.failed:
            print(f"TensorFlow: nothing to repair is known, skipping. {safe(diagnosis.failed[0].message)}")
            return 1
        print("TensorFlow: nothing to repair, skipping.")
        return 0
    planned = _run("fix", "--dry-run", "-p", prefix)
    if planned:
        return planned
    confirm("Bring the environment to these versions?")
    return _run("fix", "--apply", "--yes", "--quiet", "-p", prefix)


def _run(*arguments: str) -> int:
    """Run a verb as ``conda tf-doctor`` does, so that it works with the conda that is running."""
    args = parse(arguments)
    args.door = "conda"
    return run(args)
