"""The pages and tables that people read."""
