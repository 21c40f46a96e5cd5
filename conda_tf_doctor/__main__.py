"""``python -m conda_tf_doctor``."""

from __future__ import annotations

from .cli.main import console

if __name__ == "__main__":
    raise SystemExit(console())
