"""The sample county: a generator of files, not a folder of binaries. Everything in it is invented."""
