"""The OGC API doors."""
