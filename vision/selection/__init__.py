"""Which pictures are trained on, validated on and tested on, and what their owner corrected."""
