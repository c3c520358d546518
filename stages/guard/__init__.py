"""Repair what a killed dvc left half written, so that the next `dvc repro` goes on."""
