"""The store in memory: the rules of `twin/history.py` said plainly, and the oracle of the others."""
