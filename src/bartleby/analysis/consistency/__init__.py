"""Whether choices are of one mind: repetition, framing, transitivity, foretelling, saying against doing."""
