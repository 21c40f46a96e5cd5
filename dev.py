#!/usr/bin/env python3
"""The developer's door: ``python3 dev.py demo``, ``test``, ``lint``, …; it sets up what they need."""

import os
import sys

# Whoever types this may have an older one, so it is asked after all.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("dev.py needs Python 3.10 or later; this one is " + sys.version.split()[0] + ".")

from importlib.util import find_spec

# The module that is there, or is not, when the one of its name in the library imports it.
NEEDED = {"_bz2": "bz2", "_ctypes": "ctypes", "_ssl": "ssl", "venv": "venv", "zlib": "zlib"}
if os.environ.get("TF_DOCTOR_READY"):
    del NEEDED["venv"]  # nothing is made: what is needed is installed
LACKING = [name for module, name in NEEDED.items() if not find_spec(module)]
if LACKING:
    sys.exit(
        f"dev.py needs a Python with {', '.join(LACKING)}, which {sys.executable} was built without: "
        "run dev.py with another one, or install your system's python3 and python3-venv."
    )

# Isolated (-I, -P, PYTHONSAFEPATH) Python does not look beside the program.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# Before anything is imported that depends on it.
if "--newest" in sys.argv:
    sys.argv.remove("--newest")
    os.environ["TF_DOCTOR_NEWEST"] = "1"

from tools.commands import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
