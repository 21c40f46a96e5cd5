"""What wine, which stands in for Windows, cannot do: tests of that are left out there, with the reason."""

from __future__ import annotations

import ctypes
import sys

import pytest

HERE = sys.platform == "win32" and hasattr(ctypes.windll.ntdll, "wine_get_version")
no_junctions = pytest.mark.skipif(HERE, reason="wine makes no junctions")
no_index = pytest.mark.skipif(HERE, reason="what leads to the package index here is set outside of wine")
no_budget = pytest.mark.skipif(HERE, reason="wine takes a millisecond for a file, and that is what would be measured")
no_console = pytest.mark.skipif(HERE, reason="wine makes no console without a display")
