"""The engine behind both doors, the guard and the repair: facts and matrix in, ranked findings out."""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..codes import ASKERS, JUDGES, REQUESTED, ROWS, RULES, Judge
from ..context.context import Context
from ..errors import UsageError
from ..findings import ERROR, INFO, WARNING, Finding, Fix, is_of_disk
from .diagnosis import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..environment.facts import Environment
    from ..explain.rank import Verdict
    from ..matrix.matrix import Matrix


def _notes(env: Environment) -> Iterable[Finding]:
    for note in env.notes:
        yield Finding("TFD901", INFO, note.message, found=note.path, evidence=(note.path,))


def _interrupted(env: Environment) -> tuple[Finding, ...]:
    """Return that a repair did not come to its end: until it does, what is there is neither the old nor the new."""
    if not env.interrupted:
        return ()
    where = ("-p", env.prefix)
    return (
        Finding(
            "TFD904",
            ERROR,
            "A repair of this environment was interrupted: its packages are neither what they were nor what they are "
            "to be. Finish it, or take it back with `fix --undo`.",
            found=env.interrupted,
            expected="a repair that came to its end",
            evidence=(env.interrupted,),
            source=env.interrupted,
            fix=Fix(commands=(("conda-tf-doctor", "fix", "--apply", *where),)),
        ),
    )


def _from_rules(context: Context, judges: Mapping[Judge, tuple[str, ...]], examined: list[str]) -> Iterable[Finding]:
    for judge, codes in judges.items():
        try:
            if not context.has(judge.when):
                continue
            module = __import__(f"conda_tf_doctor.rules.{judge.module}", fromlist=[judge.function])
            # A generator fails where it is consumed, so it is consumed here.
            found = list(getattr(module, judge.function)(context))
            if stray := {finding.code for finding in found} - ROWS.keys():
                raise LookupError(f"no row for {', '.join(sorted(stray))}")
            yield from found
            examined += codes
        except UsageError:
            raise  # an entry of a file that is read when it is asked for: the file cannot be used
        except Exception as error:
            # A rule of ours that fails must not take the verdict of the others with it; the failure is told.
            named = ", ".join(f"{code} {RULES[code]}" for code in codes)
            message = (
                f"The rule {judge.function} failed ({type(error).__name__}: {error}). Not checked: {named}. This is a "
                "fault of conda-tf-doctor itself: please report it with what `conda tf-doctor report` collects."
            )
            if isinstance(error, OSError):
                what = f"{error.filename or context.env.path} could not be read any more ({error.strerror})."
                message = f"{what} Not checked: {named}. If something is changing the environment, check it again then."
            yield Finding("TFD902", WARNING, message, found=", ".join(codes), source=judge.module)


def diagnose(env: Environment, matrix: Matrix, ignore: Iterable[str] = ()) -> Diagnosis:
    """Check an environment against the matrix.

    Args:
        env: The facts.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
    """
    if env.kind == "file":
        from .ranges import diagnose_ranges, has_ranges

        if has_ranges(env):
            return diagnose_ranges(env, matrix, lambda narrowed: _diagnose(narrowed, matrix, ignore))
    return _diagnose(env, matrix, ignore)


def _closed_up(finding: Finding) -> Finding:
    """Close the gap that a version which nobody knows leaves in a sentence."""
    text = finding.message
    return finding._replace(message=" ".join(text.split())) if "  " in text else finding


def _unexplained(
    context: Context, found: Iterable[Finding], verdict: Verdict | None, silenced: set[str]
) -> list[Finding]:
    if not context.env.error_text or "TFD903" in silenced:
        return []
    from .evidence import unexplained

    return list(unexplained(context, found, verdict))


def _ranked(findings: list[Finding], causes: Mapping[str, float]) -> list[Finding]:
    if not findings:
        return []
    from .ranking import ranked

    return ranked(findings, causes)


def _diagnose(env: Environment, matrix: Matrix, ignore: Iterable[str]) -> Diagnosis:
    if env.error_text:
        from ..explain.told import take

        take(env)
    context = Context(env, matrix)
    silenced = set(ignore)
    if env.error_text:
        from ..explain.match import match

        context.told = tuple(signal.code for signal in match(env.error_text, context))
    if context.tensorflow is None and not context.told and not context.has(REQUESTED):
        return Diagnosis(env, None, (*_interrupted(env), *_unexplained(context, (), None, silenced)))
    examined: list[str] = []
    causes: dict[str, float] = {}
    verdict = None
    judges = JUDGES
    if context.tensorflow is None:
        judges = {judge: codes for judge, codes in JUDGES.items() if judge.when == REQUESTED}
    found = list(_from_rules(context, judges, examined))
    context.keep()
    if env.seen is not None:
        # A report was judged where its files are.
        found = [*(finding for finding in found if not is_of_disk(finding)), *env.seen]
    if env.error_text:
        from .evidence import from_error_text

        found, verdict = from_error_text(context, found)
        causes = {cause.code: cause.score / 100 for cause in verdict.causes}
    # What `report` collected is all that could be seen: there is nobody to ask for more.
    if env.kind == "report" and not env.collected and context.tensorflow is not None:
        from .undecided import by_worth

        # What a rule or the text decided is not open any more.
        decided = {finding.code for finding in found}
        asked = [finding for finding in _from_rules(context, ASKERS, []) if finding.code not in decided]
        found += by_worth(context, asked)
    found += _unexplained(context, found, verdict, silenced)
    kept = _ranked([_closed_up(finding) for finding in found if finding.code not in silenced], causes)
    fired = {finding.code for finding in found}
    return Diagnosis(
        env,
        context.tensorflow,
        # Last: rules read records, and find that some cannot be read.
        (*_interrupted(env), *kept, *_notes(env)),
        tuple(dict.fromkeys(code for code in examined if code not in fired)),
        context.gpu_wanted,
        context.build.id if context.build else "",
        len(found) - len(kept),
    )
