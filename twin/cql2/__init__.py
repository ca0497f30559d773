"""CQL2 (OGC 21-065r2): one parser, one table of what operators mean, and their evaluations."""

from twin.cql2.checking import checked, holds
from twin.cql2.sql import condition
from twin.queryables import GEOMETRY, STANDARD, known, queryables

__all__ = ["GEOMETRY", "STANDARD", "checked", "condition", "holds", "known", "queryables"]
