"""The ways in and the work done on the way: readers, ingest, baking, analyses."""
