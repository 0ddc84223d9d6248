"""What a model says of itself, and whether it hangs together and agrees with what it does."""
