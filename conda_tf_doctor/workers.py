"""Processes that work on one thing after another; one that fails, hangs or eats all memory costs that thing alone.

``concurrent.futures`` gives up the whole pool where one worker dies, and cannot end a call that does not return.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from .safely import reason


class Failed(NamedTuple):
    """What stands for a result where there is none.

    Attributes:
        why: One clause (``it took longer than 60 s``).
    """

    why: str


class _Worker:
    """A process, what it works on, and since when."""

    def __init__(self, task: Callable[[Any], Any], memory: int) -> None:
        # "spawn": conda runs threads, and a forked child of a threaded process can hang; nor would a child that holds
        # its sisters' pipes ever see that the parent is gone.
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, task, memory), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None
        self.until = 0.0

    def give(self, item: Any, seconds: float) -> None:
        self.item, self.until = item, time.monotonic() + seconds
        self.pipe.send(item)

    def take(self, seconds: float) -> Any:
        """Return what it found, or what became of it; then it is gone."""
        try:
            if self.pipe.poll():
                return self.pipe.recv()
            why = f"it took longer than {seconds:g} s"
        except (EOFError, OSError):
            self.process.join(5)
            why = f"its process ended (exit status {self.process.exitcode})"
        self.end()
        return Failed(why)

    def end(self) -> None:
        self.process.kill()
        self.process.join(5)
        self.pipe.close()


def _work(pipe: Connection, task: Callable[[Any], Any], memory: int) -> None:
    """Answer what comes through the pipe until the other end is closed, by whatever end the parent came to."""
    if memory:
        _limit(memory)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            result = task(item)
        except MemoryError:
            result = Failed(
                f"it needs more than {memory >> 20} MB of memory" if memory else "there is not enough memory"
            )
        except Exception as error:
            result = Failed(reason(error))
        try:
            pipe.send(result)
        except OSError:
            return


def _limit(memory: int) -> None:
    """Limit the memory of this process, in bytes, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit, macOS takes none


def count(jobs: int) -> int:
    """Return how many processes there are to be, 0 standing for one for each CPU; Windows waits for 63 at most."""
    return min(jobs or os.cpu_count() or 1, 60)


def run(
    task: Callable[[Any], Any], items: Iterable[Any], jobs: int = 0, seconds: float = 60, memory: int = 0
) -> Iterator[tuple[Any, Any]]:
    """Yield each item with its result, as they come; no more items are taken than there are processes.

    Args:
        task: A function of a module: it is pickled. So are items and results.
        items: What to work on.
        jobs: Number of processes; 0 for one for each CPU.
        seconds: How long one item may take.
        memory: How many bytes of memory a process may have; 0 for no limit. Only Linux keeps it.

    Yields:
        The item, and the result or :class:`Failed`.
    """
    try:
        os.getcwd()
    except OSError:
        # It is gone, and a process cannot be started where multiprocessing cannot ask for it.
        os.chdir(os.sep)
    waiting = iter(items)
    busy: dict[Any, _Worker] = {}
    idle: list[_Worker] = []
    most = count(jobs)
    try:
        while True:
            while len(busy) < most:
                try:
                    item = next(waiting)
                except StopIteration:
                    most = 0
                    break
                worker = idle.pop() if idle else _Worker(task, memory)
                worker.give(item, seconds)
                busy[worker.pipe] = worker
            if not busy:
                return
            left = max(0.0, min(worker.until for worker in busy.values()) - time.monotonic())
            ready = wait(list(busy), left)
            for pipe in ready or [min(busy, key=lambda each: busy[each].until)]:
                worker = busy.pop(pipe)
                item, result = worker.item, worker.take(seconds)
                if worker.process.is_alive():
                    idle.append(worker)
                yield item, result
    finally:
        for worker in (*busy.values(), *idle):
            worker.end()
