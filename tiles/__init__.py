"""What the wire is made of: one format a file (`FORMAT`)."""
