"""Maps of others as a background: what is configured, what their services say, fetching."""
