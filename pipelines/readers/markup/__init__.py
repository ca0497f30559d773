"""What formats of XML share: a safe stream, geometries."""
