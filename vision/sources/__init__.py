"""Bring pictures from folders, archives and downloads into one form: CLASS/FILE."""
