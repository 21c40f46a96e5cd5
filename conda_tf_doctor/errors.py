"""What the edges report to people."""

from __future__ import annotations


class UsageError(Exception):
    """The request itself was unusable: exit status 2 and this one sentence on standard error.

    The sentence names the file, the field and what to do.
    """
