"""Errors, files, disks and the environment, for every program. It imports no other room."""
