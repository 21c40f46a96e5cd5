"""conda's hooks, and nothing else.

Conda imports this module on every call, so it imports only what every conda has imported already; each hook imports
what it needs when it is asked. A test measures that.

Nothing that fails in here may fail conda: every hook catches what goes wrong, says it in one line on standard error,
and conda goes on as if the plugin were not there. Ctrl-C is no failure and passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from conda.plugins import hookimpl

from .safely import guarded

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from conda import CondaError
    from conda.plugins.types import (
        CondaErrorHint,
        CondaHealthCheck,
        CondaPostSolve,
        CondaPreSolve,
        CondaPreTransactionAction,
        CondaSetting,
        CondaSubcommand,
    )


def _configure(parser: ArgumentParser) -> None:
    # Conda has every plugin describe its arguments on every call; ours are described when they are to be parsed.
    parse = parser.parse_known_args
    pending = [parser]

    def parse_known_args(*args: Any, **options: Any) -> Any:
        try:
            while pending:
                from .cli.parser import configure

                configure(pending.pop())
            namespace, unknown = parse(*args, **options)
        except Exception as error:
            from .cli.unloaded import unloaded

            if not (sentence := unloaded(error)):
                raise
            parser.error(sentence.rstrip("."))
        if unknown:
            # Told here: conda would answer with its own usage, and without a document where --json asks for one.
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    parser.parse_known_args = parse_known_args  # type: ignore[method-assign]


def _execute(args: Namespace) -> int:
    from .cli.main import from_conda

    return from_conda(args)


def _pre_solve(specs_to_add: frozenset[Any], specs_to_remove: frozenset[Any]) -> None:
    def call() -> None:
        from .guard.hooks import pre_solve

        pre_solve()

    guarded(call)


def _post_solve(repodata_fn: str, unlink: tuple[Any, ...], link: tuple[Any, ...]) -> None:
    def call() -> CondaError | None:
        from .guard.hooks import post_solve

        return post_solve(unlink, link)

    refusal = guarded(call)
    if refusal is not None:
        raise refusal


def _health_check(prefix: str, verbose: bool) -> None:
    from .guard.health import check

    check(prefix, verbose)


def _health_fix(prefix: str, args: Namespace, confirm: Callable[[str], None]) -> int:
    from .guard.health import fix

    return fix(prefix, args, confirm)


@hookimpl
def conda_subcommands() -> Iterator[CondaSubcommand]:
    """Register ``conda tf-doctor``."""
    from conda.plugins.types import CondaSubcommand

    yield CondaSubcommand(
        name="tf-doctor",
        summary="Name why TensorFlow does not work in an environment, and repair it.",
        action=_execute,
        configure_parser=_configure,
    )


@hookimpl
def conda_settings() -> Iterable[CondaSetting]:
    """Register our settings below ``plugins:`` in .condarc."""
    from conda.common.configuration import PrimitiveParameter, SequenceParameter
    from conda.plugins.types import CondaSetting

    # Text, and no list of choices: a value that conda itself rejects would stop every command of the user's. What is
    # not a mode is reported by whoever acts on it.
    yield CondaSetting(
        name="tf_doctor_mode",
        description="What to do about a transaction that would break TensorFlow: disabled, warn, block or repair.",
        parameter=PrimitiveParameter("warn", element_type=str),
    )
    yield CondaSetting(
        name="tf_doctor_ignore",
        description="Rules of conda-tf-doctor that are not reported, by code (TFD603) or name (numpy-abi).",
        parameter=SequenceParameter(PrimitiveParameter("", element_type=str), string_delimiter=","),
    )
    yield CondaSetting(
        name="tf_doctor_matrix",
        description="A YAML file whose rows add to or override conda-tf-doctor's compatibility matrix.",
        parameter=PrimitiveParameter("", element_type=str),
    )
    yield CondaSetting(
        name="tf_doctor_seconds",
        description="How many seconds conda-tf-doctor may take to judge a transaction; then conda goes on (5; 0: any).",
        parameter=PrimitiveParameter("", element_type=str),
    )
    yield CondaSetting(
        name="tf_doctor_search_seconds",
        description="How many seconds conda-tf-doctor may solve for a request that would work (10; to repair 60).",
        parameter=PrimitiveParameter("", element_type=str),
    )


@hookimpl
def conda_pre_solves() -> Iterator[CondaPreSolve]:
    """Look at what is asked of a solver (mode ``repair``)."""
    from conda.plugins.types import CondaPreSolve

    yield CondaPreSolve(name="tf-doctor", action=_pre_solve)


@hookimpl
def conda_post_solves() -> Iterator[CondaPostSolve]:
    """Judge what a solver returned."""
    from conda.plugins.types import CondaPostSolve

    yield CondaPostSolve(name="tf-doctor", action=_post_solve)


@hookimpl
def conda_pre_transaction_actions() -> Iterable[CondaPreTransactionAction]:
    """Judge transactions that reach no solver (conda 25.5 and later)."""

    def call() -> CondaPreTransactionAction:
        from conda.plugins.types import CondaPreTransactionAction

        from .guard.action import GuardAction

        return CondaPreTransactionAction(name="tf-doctor", action=GuardAction)

    action = guarded(call)
    return () if action is None else (action,)


@hookimpl
def conda_health_checks() -> Iterator[CondaHealthCheck]:
    """Add the engine's verdict to ``conda doctor``, with a fixer where conda has them (26.1 and later)."""
    from conda.plugins.types import CondaHealthCheck

    fields = getattr(CondaHealthCheck, "__dataclass_fields__", {})
    fixer = {
        "fixer": _health_fix,
        "summary": "Check that TensorFlow imports, and can use the GPU that was asked for",
        "fix": "Bring the environment to versions that work together",
    }
    yield CondaHealthCheck(
        name="tf-doctor", action=_health_check, **{name: value for name, value in fixer.items() if name in fields}
    )


@hookimpl
def conda_error_hints(error: CondaError) -> Iterable[CondaErrorHint]:
    """Say which versions of TensorFlow do exist when a request for one cannot be met (conda 26.7 and later)."""

    def call() -> list[CondaErrorHint]:
        from .guard.hints import hints

        return hints(error)

    return guarded(call) or ()
