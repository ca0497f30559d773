"""What is taken out of OpenStreetMap."""
