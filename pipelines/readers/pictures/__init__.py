"""Rasters: where a file says that it lies, and how it is kept."""
