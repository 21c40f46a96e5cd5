"""PE, ELF and Mach-O images as their loaders see them, and whether an environment has any of TensorFlow's."""

from __future__ import annotations

import os

# TensorFlow's own in site-packages. In 1.15 to 2.1 the first is a wrapper, and all that it wraps is in the second.
TENSORFLOWS = ("tensorflow", "tensorflow_core")


def has_binaries(site_packages: str) -> bool:
    """Tell whether there is a TensorFlow in a site-packages folder, whose binaries may be examined."""
    return bool(site_packages) and any(os.path.isdir(os.path.join(site_packages, folder)) for folder in TENSORFLOWS)
