"""The verbs, joined: each takes names or values, and calls the wing whose work it is."""
