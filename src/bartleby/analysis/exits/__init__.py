"""How often, when and why a model leaves: exits, staying, hazard, and leaving against refusing."""
