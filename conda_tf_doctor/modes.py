"""What the guard is to do about a transaction that would break TensorFlow: the values of ``tf_doctor_mode``."""

from __future__ import annotations

DISABLED, WARN, BLOCK, REPAIR = "disabled", "warn", "block", "repair"
MODES = (DISABLED, WARN, BLOCK, REPAIR)
