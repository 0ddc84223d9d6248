"""What a model would rather do: the choice model of paired choices, and all that is asked of it."""
