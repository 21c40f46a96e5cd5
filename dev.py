#!/usr/bin/env python3
"""The developer's door: ``python3 dev.py demo``, ``test``, ``lint``, ``refresh-matrix``; it sets up what they need."""

import sys

# Whoever types this may have an older one, so it is asked after all.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("dev.py needs Python 3.10 or later; this one is " + sys.version.split()[0] + ".")

from tools.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
