"""What vector formats share: GDAL, streams of JSON, arcs."""
