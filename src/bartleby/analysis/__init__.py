"""What the answers show: tables in, estimates with intervals out."""
