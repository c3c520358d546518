"""Pictures from anywhere, brought into one form: CLASS/FILE. It knows nothing of networks."""
