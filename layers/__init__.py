"""What a city is made of: one kind a file (`KIND`)."""
