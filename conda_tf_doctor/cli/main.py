"""What both doors call."""

from __future__ import annotations

import os
import sys
from errno import EINVAL

from .._typing import TYPE_CHECKING, NoReturn
from ..errors import Ignored, UsageError
from ..render.text import Style, complain
from ..safely import safe
from .arguments import complete, plain, program

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence


def run(args: Namespace) -> int:
    """Run a verb and return its exit status; an unusable request becomes one line (or one document) and 2."""
    _open_streams()
    Style.program = program(args.door)
    if sys.platform == "win32":
        _break_interrupts()
    try:
        status = __import__(f"{__package__}.{args.verb or 'check'}", fromlist=["execute"]).execute(args)
        sys.stdout.flush()
        return int(status)
    except UsageError as error:
        return _unusable(str(error), args)
    except OSError as error:
        if _reader_is_gone(error):  # head, less, more
            _print_no_more()
            return 1
        try:
            sys.stdout.flush()
        except OSError:  # a full disk
            _print_no_more()
        from .unloaded import unloaded

        where = f" ({error.filename})" if error.filename else ""
        refused = f"The operating system refused: {error.strerror or error}{where}."
        return _unusable(unloaded(error) or refused, args)
    except KeyboardInterrupt:
        if args.door == "conda":
            raise
        return _interrupted()
    except Exception as error:
        if any(each.__name__ == "CondaError" for each in type(error).__mro__):
            raise  # conda's own way to end a command
        return _unusable(_own_fault(error, args), args)


def _open_streams() -> None:
    """Give a process that was started without streams (`>&-`, pythonw) some: its exit status still answers."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _print_no_more() -> None:
    """Let what cannot be printed go nowhere: Python would complain once more, and exit with 120, at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    print("Interrupted.", file=sys.stderr)
    return 130


def _break_interrupts() -> None:
    """Have Ctrl-Break end a command as Ctrl-C does, so that what was begun is put away."""
    if sys.platform == "win32":
        import signal

        with Ignored(ValueError):  # not in the main thread
            signal.signal(signal.SIGBREAK, signal.default_int_handler)


def _reader_is_gone(error: OSError) -> bool:
    """Tell whether nobody reads what is printed any more; Windows calls that an invalid argument (EINVAL)."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == EINVAL and not error.filename)


def _own_fault(error: Exception, args: Namespace) -> str:
    """Return the line for a failure that nothing expects; with ``-vv`` the traceback goes to standard error.

    It is one of this program itself, unless it is Python that lacks something.
    """
    from .unloaded import places, unloaded

    if args.verbosity > 1:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this (a limit of the shell's, `ulimit -v`, or of the machine)."
    if sentence := unloaded(error):
        return sentence
    *_, (file, line, _) = places(error) or [("", 0, "")]
    where = f" in {os.path.basename(file)}, line {line}" if file else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"This is a fault of conda-tf-doctor itself ({what}{where}); -vv shows more. Please report it."


def _unusable(message: str, args: Namespace) -> int:
    # What is wrong may be that json cannot be loaded, or re.
    if args.json:
        with Ignored(Exception):
            from ..render.json import print_error

            print_error(message)
    try:
        complain(message)
    except (ImportError, AttributeError):
        sys.stderr.write(f"{Style.program}: {safe(message)}\n")
    return 2


def from_conda(args: Namespace) -> int:
    """Run what ``conda tf-doctor`` parsed."""
    return run(complete(vars(args), "conda"))


def console(argv: Sequence[str] | None = None) -> int:
    """Run the console script.

    Args:
        argv: Arguments without the program's name; those of the process where omitted.
    """
    words = sys.argv[1:] if argv is None else argv
    args = plain(words)
    try:
        if args is None:
            from .parser import parse

            args = parse(words)
    except KeyboardInterrupt:  # it imports the verb, which takes a moment
        return _interrupted()
    except Exception as error:
        _open_streams()
        Style.program = program("console")
        args = complete({"json": "--json" in words, "verbosity": 2 * ("-vv" in words)}, "console")
        return _unusable(_own_fault(error, args), args)
    return run(args)


def script() -> NoReturn:
    """Run the console script and end the process.

    A check lives for some hundredths of a second, of which Python would spend a fifth on looking for garbage and on
    giving back its memory piece by piece.
    """
    import gc

    gc.disable()
    status = console()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 1  # the reader has gone, or the disk is full
    os._exit(status)


if __name__ == "__main__":
    script()
