"""Runs a module as ``python -m`` does, but an interrupt ends it without a traceback, also while it is imported."""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    try:
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        sys.exit(130)
