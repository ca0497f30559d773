"""One source format a file (`READER`)."""
