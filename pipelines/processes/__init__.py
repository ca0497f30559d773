"""One analysis a file (`PROCESS`)."""
