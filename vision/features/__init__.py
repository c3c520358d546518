"""What a frozen network gives for pictures, computed once and kept."""
