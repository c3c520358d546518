"""Contact sheets for people."""
