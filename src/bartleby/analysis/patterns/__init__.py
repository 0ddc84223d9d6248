"""Where coded turns come: course, triggers, precedents, episodes, phrases, and leaving after them."""
