"""Splits, and the corrections of the pictures' owner."""
