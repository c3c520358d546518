"""What models say of pictures, and how good that is."""
