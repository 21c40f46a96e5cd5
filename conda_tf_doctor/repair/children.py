"""The programs that a repair runs: conda, pip, the environment's Python. They end with it, and hold its lock.

A child is the first of a session of its own. Whoever ends the repair ends all of that: the signal goes on to them, and
is waited for, for conda takes back what it has half done. Where the repair is killed outright, Linux and Windows end
the child; elsewhere it goes on, and as long as it does the lock on the environment is held by it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

# Before Python 3.11 `-m` imports from the working folder, where a `logging.py` of the user's may lie.
_MODULE = (
    "import sys; sys.path[:1] = filter(None, sys.path[:1]); import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
# File descriptors of locks, which children inherit.
held: set[int] = set()
# What was run, as one would type it, in this process.
ran: list[list[str]] = []
_PR_SET_PDEATHSIG = 1


def run(
    command: Sequence[str], env: Mapping[str, str] | None = None, capture: bool = True, output: Any = None,
    timeout: float | None = None, probe: bool = False,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a program to its end, without input.

    Args:
        command: ``PYTHON -m MODULE …`` takes no module from the working folder, whatever the Python.
        env: Its variables; ours where omitted.
        capture: Whether what it prints is returned instead of shown.
        output: Where its standard output goes otherwise.
        timeout: Seconds after which it is ended.
        probe: Whether it only tells that it can be started, which nobody is told of.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It took longer.
    """
    words = list(command)
    if not probe:
        ran.append(list(command))
    if len(words) > 2 and words[1] == "-m":
        words[1:2] = ["-c", _MODULE]
    posix = os.name == "posix"
    # Python writes to a pipe in Windows' code page, and ends at a path that is not in it.
    stdio = "utf-8:backslashreplace" if capture else ":backslashreplace"
    values = {**(os.environ if env is None else env), "PYTHONIOENCODING": stdio}
    child = subprocess.Popen(
        words, env=values, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if capture else output,
        stderr=subprocess.PIPE if capture else None, text=True, encoding="utf-8", errors="replace",
        start_new_session=posix, pass_fds=tuple(held) if posix else (), preexec_fn=_with_parent(),
    )  # fmt: skip
    with child, _in_job(child):
        try:
            with _told_to_end():
                out, err = child.communicate(timeout=timeout)
        except BaseException as error:
            _end(child, signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def _with_parent() -> Any:
    """Return what has Linux end the child when this process is gone, however it went; elsewhere nothing."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


# winnt.h: JobObjectExtendedLimitInformation, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE; where LimitFlags is in it.
_LIMITS, _KILL_ON_CLOSE, _FLAGS_AT = 9, 0x2000, 16


@contextmanager
def _in_job(child: subprocess.Popen[str]) -> Iterator[None]:
    """Have Windows end a child, and all that it starts, when this process is gone; elsewhere nothing."""
    if os.name != "nt":
        yield
        return
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    flags = b"\0" * _FLAGS_AT + _KILL_ON_CLOSE.to_bytes(4, "little")
    limits = ctypes.create_string_buffer(flags, 144 if sys.maxsize > 2**32 else 112)
    # Where a system refuses, a child that is told to end still does.
    kernel.SetInformationJobObject(job, _LIMITS, limits, len(limits))
    kernel.AssignProcessToJobObject(job, ctypes.c_void_p(int(child._handle)))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        kernel.CloseHandle(job)


def _end(child: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a child and all that it started, and wait for it."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
    else:
        child.terminate()
    try:
        child.wait(60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Have signals that end this process raise, so that the child is ended first.

    Not by the handler: it may interrupt the waiting for the child, which nobody else can do meanwhile.
    """

    def ended(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = {}
    # Only the main thread may set handlers, and only those that nobody else has set are ours to set.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            with suppress(ValueError):
                before[number] = signal.signal(number, ended)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
