"""How items are presented to a model, and how its answer is read: one file a paradigm."""
