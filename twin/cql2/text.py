"""CQL2 text (OGC 21-065r2, annex B) as nodes: a parser by precedence, without backtracking."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, NoReturn

import pyproj

from twin.cql2 import literals, names
from twin.cql2.limits import DEPTH, deep
from twin.errors import InvalidFilter
from twin.model import Op, Property

OR, AND, NOT, PREDICATE, SUM, PRODUCT, POWER = range(1, 8)
LEVELS: Final = {
    "or": OR,
    "and": AND,
    **dict.fromkeys((*names.COMPARISON, "like", "between", "in", "is", "not"), PREDICATE),
    **dict.fromkeys("+-", SUM),
    **dict.fromkeys(("*", "/", "%", "div"), PRODUCT),
    "^": POWER,
}
"""How tightly what stands between two operands binds."""

_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<string>'(?:[^']|'')*')"
    r'|(?P<quoted>"(?:[^"]|"")+")'
    rf"|(?P<name>{names.IDENTIFIER})"
    r"|(?P<symbol><>|<=|>=|[=<>+\-*/%^(),])"
)


class Token(NamedTuple):
    """A word of a filter."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """What it is as an operator or keyword; nothing when it is a value or a quoted name."""
        return self.text.lower() if self.kind in ("name", "symbol") else ""


def parse(text: str, crs: pyproj.CRS | None) -> Any:
    """The nodes of a text.

    Raises:
        InvalidFilter: it is no CQL2; says where.
    """
    reading = _Reading(text, crs)
    found = reading.expression(OR)
    if reading.now.kind != "end":
        reading.fail("AND, OR, or the end")
    return found


def tokens(text: str) -> list[Token]:
    """The words of a text, and its end.

    Raises:
        InvalidFilter: something in it is no word; says where.
    """
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidFilter(f"filter: {text[at : at + 20]!r} at character {at + 1} is no part of CQL2")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0], at, match.end()))
        at = match.end()
    return [*found, Token("end", "", at, at)]


class _Reading:
    """A text being read: its words, the place reached, and how deep that is."""

    def __init__(self, text: str, crs: pyproj.CRS | None) -> None:
        self.text, self.crs = text, crs
        self.tokens = tokens(text)
        self.at = self.depth = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    @property
    def next(self) -> Token:
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    def fail(self, wanted: str) -> NoReturn:
        there = f"{self.now.text[:50]!r} at character {self.now.start + 1}" if self.now.text else "the end"
        raise InvalidFilter(f"filter: there is {there} where {wanted} must stand")

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self, word: str) -> bool:
        found = self.now.word == word
        self.at += found
        return found

    def expect(self, word: str) -> None:
        if not self.skip(word):
            self.fail(repr(word.upper()))

    def expression(self, floor: int) -> Any:
        """What binds at least as tightly as `floor`."""
        self.depth += 1
        deep(self.depth, 2 * DEPTH)
        left = self.operand()
        while LEVELS.get(self.now.word, 0) >= floor:
            left = self.joined(left)
        self.depth -= 1
        return left

    def joined(self, left: Any) -> Any:
        """The operand before, with what stands behind it."""
        word = self.take().word
        if word in ("and", "or"):
            parts = [left, self.expression(LEVELS[word] + 1)]
            while self.skip(word):
                parts.append(self.expression(LEVELS[word] + 1))
            return Op(op=word, args=tuple(parts))
        if word == "not":
            if self.now.word not in ("like", "between", "in"):
                self.fail("LIKE, BETWEEN or IN")
            return Op(op="not", args=(self.predicate(left, self.take().word),))
        if LEVELS[word] == PREDICATE:
            return self.predicate(left, word)
        right = self.expression(POWER if word == "^" else LEVELS[word] + 1)
        return Op(op=word, args=(left, right))

    def predicate(self, left: Any, word: str) -> Op:
        if word == "is":
            negated = self.skip("not")
            self.expect("null")
            found = Op(op="isNull", args=(left,))
            return Op(op="not", args=(found,)) if negated else found
        if word == "between":
            low = self.expression(SUM)
            self.expect("and")
            return Op(op=word, args=(left, low, self.expression(SUM)))
        if word == "in":
            self.expect("(")
            return Op(op=word, args=(left, self.members()))
        return Op(op=word, args=(left, self.expression(SUM)))

    def members(self) -> tuple[Any, ...]:
        """Expressions between commas, up to and with the closing parenthesis."""
        if self.skip(")"):
            return ()
        found = [self.expression(OR)]
        while self.skip(","):
            found.append(self.expression(OR))
        self.expect(")")
        return tuple(found)

    def operand(self) -> Any:
        token = self.now
        if token.kind == "number":
            return literals.number(self.take().text)
        if token.kind == "string":
            return self.take().text[1:-1].replace("''", "'")
        if token.kind == "quoted":
            return Property(name=self.take().text[1:-1].replace('""', '"'))
        if token.kind == "name":
            return self.named()
        if self.skip("("):
            found = self.expression(OR)
            self.expect(")")
            return found
        return self.signed()

    def signed(self) -> Any:
        """A sign belongs to the number behind it; before anything else it multiplies."""
        if self.now.word not in ("+", "-"):
            self.fail("a property or a value")
        sign = self.take().text
        if self.now.kind == "number":
            return literals.number(sign + self.take().text)
        found = self.expression(POWER)
        return Op(op="*", args=(-1, found)) if sign == "-" else found

    def named(self) -> Any:
        word = self.now.word
        if word in names.WKT and (self.next.word in ("(", "z", "m", "zm", "empty")):
            return self.geometry()
        if word == "not":
            self.take()
            return Op(op="not", args=(self.expression(NOT),))
        if word in ("true", "false"):
            return self.take().word == "true"
        if word in names.RESERVED:
            self.fail("a property or a value")
        if self.next.word == "(":
            return self.call(word)
        return Property(name=self.take().text)

    def call(self, word: str) -> Any:
        name = self.take().text
        self.take()
        if word in ("date", "timestamp"):
            if self.now.kind != "string":
                self.fail(f"the text of a {word}")
            found = self.operand()
            self.expect(")")
            return literals.day(found) if word == "date" else literals.timestamp(found)
        if word == "interval":
            return self.interval()
        if word == "bbox":
            return literals.bbox(list(self.members()), self.crs)
        name = names.canonical(name)
        return Op(op=name, args=self.arrays() if name in names.ARRAY else self.members())

    def interval(self) -> Op:
        args = self.members()
        if len(args) != 2:
            raise InvalidFilter(f"INTERVAL takes a start and an end, not {len(args)} values")
        ends = (literals.end(a) if isinstance(a, str) else a for a in args)
        return Op(op="interval", args=tuple(ends))

    def arrays(self) -> tuple[Any, ...]:
        """Arguments of which each may be a list between parentheses."""
        found = []
        while True:
            found.append(self.members() if self.skip("(") else self.expression(OR))
            if not self.skip(","):
                self.expect(")")
                return tuple(found)

    def geometry(self) -> literals.Shape:
        """WKT, from its type to the parenthesis that closes it."""
        start, depth, word = self.take().start, 0, ""
        while depth or word not in (")", "empty"):
            if self.now.kind == "end":
                self.fail("the parenthesis that ends the geometry")
            word = self.take().word
            depth += (word == "(") - (word == ")")
        return literals.wkt(self.text[start : self.tokens[self.at - 1].end], self.crs)
