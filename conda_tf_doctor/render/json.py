"""JSON for machines: exactly one document on standard output, errors included."""

from __future__ import annotations

import sys

from .._typing import Any


def print_document(document: Any) -> None:
    """Print one document.

    It is pure ASCII, so that no console encoding can break it.
    """
    import json

    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_error(message: str) -> None:
    """Print the document that stands for an unusable request."""
    print_document({"schema_version": 1, "ok": False, "error": message})
