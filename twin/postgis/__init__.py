"""The store for when one machine is not enough: PostgreSQL with PostGIS, any number of server processes."""
