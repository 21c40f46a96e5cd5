"""conda-tf-doctor: why TensorFlow does not import, and what repairs it."""

from __future__ import annotations

__version__ = "0.1.0"
