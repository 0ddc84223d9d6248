"""Rules of a deployed way to end a conversation, the events they speak of, and how often they are kept."""
