"""The functions that PostgreSQL lacks for CQL2, as the statements that make them.

PostgreSQL 15 has no full case folding and no arithmetic that gives NULL instead of an error. The tables of
characters come from Python's own Unicode data, so that every store folds alike. The database must be UTF-8.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable

from twin.cql2 import folding

ARITHMETIC = """
CREATE OR REPLACE FUNCTION twin_arithmetic(op text, a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
BEGIN
  RETURN CASE op
    WHEN '+' THEN a + b WHEN '-' THEN a - b WHEN '*' THEN a * b WHEN '/' THEN a / b
    WHEN 'div' THEN trunc(a / b) WHEN 'mod' THEN a - b * trunc(a / b) WHEN '^' THEN power(a, b)
  END;
EXCEPTION
  WHEN division_by_zero OR invalid_argument_for_power_function THEN RETURN NULL;
  WHEN numeric_value_out_of_range THEN -- of underflow as well, which is 0 in float64
    RETURN CASE
      WHEN op = '*' AND ln(abs(a)) + ln(abs(b)) < 0 THEN 0
      WHEN op IN ('/', 'div') AND ln(abs(a)) < ln(abs(b)) THEN 0
      WHEN op = 'mod' AND ln(abs(a)) < ln(abs(b)) THEN a
      WHEN op = '^' AND (b < 0) = (abs(a) > 1) THEN 0
    END;
END $body$"""

ARRAY = """
CREATE OR REPLACE FUNCTION twin_array(op text, a text, b text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE x jsonb; y jsonb;
BEGIN
  x := a::jsonb; y := b::jsonb;
  IF jsonb_typeof(x) <> 'array' OR jsonb_typeof(y) <> 'array' OR EXISTS (
    SELECT 1 FROM jsonb_array_elements(x || y) e WHERE jsonb_typeof(e) IN ('array', 'object')
  ) THEN RETURN NULL; END IF;
  RETURN CASE op
    WHEN 'a_equals' THEN x @> y AND y @> x
    WHEN 'a_contains' THEN x @> y
    WHEN 'a_containedBy' THEN y @> x
    ELSE EXISTS (SELECT 1 FROM jsonb_array_elements(x) e WHERE y @> jsonb_build_array(e))
  END;
EXCEPTION WHEN data_exception THEN RETURN NULL; -- the text is no JSON
END $body$"""


def statements() -> tuple[str, ...]:
    """What to run once in a database; running it again changes nothing."""
    return ARITHMETIC, ARRAY, _casei(), _accenti()


def _casei() -> str:
    folded = {c: c.casefold() for c in map(chr, _characters()) if c.casefold() != c}
    single = {c: f for c, f in folded.items() if len(f) == 1}
    longer = {c: f for c, f in folded.items() if len(f) > 1}
    replaced = "x"
    for character, fold in longer.items():
        replaced = f"replace({replaced}, '{character}', '{fold}')"
    return f"""
CREATE OR REPLACE FUNCTION twin_casei(x text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
  IF octet_length(x) = char_length(x) OR x !~ '[{_class(c for c in folded if not c.isascii())}]' THEN
    RETURN lower(x COLLATE "C");
  END IF;
  x := translate(x, '{"".join(single)}', '{"".join(single.values())}');
  IF x ~ '[{_class(longer)}]' THEN x := {replaced}; END IF;
  RETURN x;
END $body$"""


def _accenti() -> str:
    return f"""
CREATE OR REPLACE FUNCTION twin_accenti(x text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
  SELECT CASE WHEN octet_length(x) = char_length(x) THEN x
    ELSE normalize(regexp_replace(normalize(x, NFD), '[{_class(folding.marks())}]+', '', 'g'), NFC) END
$body$"""


def _characters() -> Iterable[int]:
    return (c for c in range(1, sys.maxunicode + 1) if unicodedata.category(chr(c)) != "Cs")


def _class(characters: Iterable[str]) -> str:
    """The inside of a bracket expression: ranges of code points."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in ranges)
