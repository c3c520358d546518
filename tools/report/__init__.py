"""One page about a run: what it was given, what came out, and where it goes wrong."""
