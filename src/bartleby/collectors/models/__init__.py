"""Who answers: simulated, local and hosted models. `open_model` finds one by its name."""

from __future__ import annotations

from bartleby.collectors.models.base import Capabilities, Model, TransientError, given_settings
from bartleby.collectors.models.registry import open_model

__all__ = ["Capabilities", "Model", "TransientError", "given_settings", "open_model"]
