"""Flag mislabelled, outlying, copied and odd pictures; change none."""
