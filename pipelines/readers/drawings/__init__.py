"""What is taken out of a drawing."""
