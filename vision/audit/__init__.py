"""Pictures that do harm: mislabelled, outlying, copied or odd ones. It changes none."""
