"""What the project is released with."""
