"""What city models share: objects, attributes, surfaces, relief."""
