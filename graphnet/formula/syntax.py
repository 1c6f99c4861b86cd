"""Formula text -> a syntax tree: tokens and a recursive descent, nothing evaluated.

The grammar is on one screen in docs/notation.md. Text is untrusted: its length, its nesting and
the digits of its numbers are bounded before any work is done, and every refusal points at the
column.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from graphnet.errors import GraphnetError
from graphnet.formula.trees import (
    Binary,
    Bool,
    Call,
    Compare,
    Name,
    Negative,
    Not,
    Number,
    Reading,
    Statement,
    Tree,
    walk,
)  # fmt: skip

__all__ = ["SPACES", "Binary", "Bool", "Call", "Compare", "Name", "Negative", "Not", "Number",
           "Reading", "Statement", "Tree", "character", "fail", "near", "syntax",
           "walk"]  # fmt: skip

LONGEST, DEEPEST = 10_000, 100
DIGITS, EXPONENT = 1_000, 1_000  # a product of numbers of the user has to parse back
LOOSEST, COMPARE, SUM, SIGN, POWER = 1, 4, 5, 7, 8
BINDS = {
    "or": 1, "and": 2, "<": 4, "<=": 4, "==": 4, "!=": 4, ">=": 4, ">": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "**": 8,
}  # fmt: skip
GREEK = "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
PLAINLY = {  # signs of printed formulas, and how they are written here
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-",
    "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*", "\N{DOT OPERATOR}": "*",
    "\N{ASTERISK OPERATOR}": "*", "\N{DIVISION SIGN}": "/", "\N{DIVISION SLASH}": "/",
    "\N{FRACTION SLASH}": "/", "\N{PRIME}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=", "\N{INFINITY}": "oo", "\N{SQUARE ROOT}": "sqrt(...)",
    "\N{N-ARY SUMMATION}": "Sum(..., k)", "\N{SUPERSCRIPT TWO}": "**2",
    "\N{SUPERSCRIPT THREE}": "**3", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "^": "**",
    "|": "abs(...)",
}  # fmt: skip
WORDS = ("False", "True", "and", "not", "or")  # what can be no name, whatever stands around it
SPACES = " \t\r\n"  # what may stand between tokens; no other space of Unicode
TOKEN = re.compile(
    rf"""[ \t\r\n]*(?:
    (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    |(?P<name>[A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}]*'?)
    |(?P<op>\+=|\*\*|//|<=|>=|==|!=|[-+*/%()\[\],;<>=])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    kind: str  # "number" | "name" | "op" | "end"
    text: str
    at: int


def fail(text: str, at: int, message: str) -> NoReturn:
    """Raises GraphnetError with a caret under a column of the text."""
    start = max(0, at - 60)
    line = text[start : at + 40].replace("\n", " ").replace("\t", " ")
    shown = "".join(c if c.isprintable() else "?" for c in line)
    raise GraphnetError(f"{message}\n    {shown}\n    {' ' * (at - start)}^")


def character(c: str) -> str:
    """A character by its number and, where it has one, its name.

    >>> character("а")
    'U+0430 CYRILLIC SMALL LETTER A'
    """
    return f"U+{ord(c):04X} {unicodedata.name(c, '')}".rstrip()


def near(c: str) -> str:
    """A tail for a message: what a look-alike would be if it were written plainly."""
    plain = unicodedata.normalize("NFKD", c)[:1]
    if not (plain.isascii() and plain.isalnum()) and plain not in GREEK:
        kind, _, rest = unicodedata.name(c, "").partition(" ")
        small, _, letter = rest.rpartition(" LETTER ")
        same = letter if kind == "CYRILLIC" and len(letter) == 1 else ""
        plain = same.lower() if small == "SMALL" else same
    return f"; did you mean {plain!r}?" if plain else ""


def _plainly(c: str) -> str:
    """A tail for a message: how a sign of printed formulas is written, else as `near`."""
    if c.isspace():
        return "; write a plain space"
    return f"; write {PLAINLY[c]}" if c in PLAINLY else near(c)


def syntax(text: str) -> tuple[Statement, ...]:
    """The statements of a text, separated by ";"."""
    if not isinstance(text, str):
        raise GraphnetError(f"a formula is text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise GraphnetError(f"a formula has at most {LONGEST} characters, this one {len(text)}")
    return _Reader(text, _tokens(text)).statements()


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    end = len(text.rstrip(SPACES))
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip(SPACES))
            fail(text, at, f"column {at + 1}: the character {text[at]!a} ({character(text[at])}) "
                 f"has no meaning in a formula{_plainly(text[at])}")  # fmt: skip
        kind = match.lastgroup
        assert kind is not None
        token = Token(kind, match[kind], match.start(kind))
        if kind == "number":
            _check_number(text, token)
        tokens.append(token)
        at = match.end()
    return [*tokens, Token("end", "", len(text))]


def _check_number(text: str, token: Token) -> None:
    mantissa, _, exponent = token.text.lower().partition("e")
    if len(mantissa) > DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > EXPONENT:
        fail(text, token.at, f"column {token.at + 1}: a number has at most {DIGITS} digits and an "
             f"exponent up to {EXPONENT}")  # fmt: skip
    after = token.at + len(token.text)
    if text[after : after + 1] == "." or (TOKEN.match(text, after) and text[after].isalpha()):
        fail(text, after, f"column {after + 1}: expected an operator after {token.text}, as in 2*x")


class _Reader:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.tokens, self.k, self.depth = text, tokens, 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.k]

    def take(self, *texts: str) -> Token | None:
        """The next token if it is one of these operators or words."""
        token = self.next
        if token.kind != "number" and token.text in texts:
            self.k += 1
            return token
        return None

    def expect(self, text: str, after: str) -> Token:
        return self.take(text) or self.stop(f"{text!r} {after}")

    def stop(self, wanted: str) -> NoReturn:
        token = self.next
        came = repr(token.text) if token.text else "the end"
        fail(self.text, token.at, f"column {token.at + 1}: expected {wanted}, came {came}")

    def statements(self) -> tuple[Statement, ...]:
        found = [self.statement()]
        while self.take(";"):
            if self.next.kind == "end":
                break
            found.append(self.statement())
        if self.next.kind != "end":
            self.stop("an operator, ',' or the end")
        return tuple(found)

    def statement(self) -> Statement:
        if self.next.kind == "end" or self.next.text == ";":
            self.stop("a formula")
        left = self.expression()
        op = self.take("=", "+=")
        if op is None:
            bounds, shape = self.tail()
            return Statement(None, "=", left, bounds, shape)
        if not isinstance(left, Name | Reading):
            fail(self.text, op.at, f"column {op.at + 1}: left of {op.text!r} stands a target such "
                 "as Y[i,j]")  # fmt: skip
        scalar = self.expression()
        bounds, shape = self.tail()
        return Statement(left, op.text, scalar, bounds, shape)

    def tail(self) -> tuple[tuple[tuple[Name, Tree], ...], tuple[Tree, ...] | None]:
        bounds: list[tuple[Name, Tree]] = []
        shape: tuple[Tree, ...] | None = None
        while self.take(","):
            token = self.next
            if token.kind != "name":
                self.stop("a bound such as i < 7, or shape (...)")
            self.k += 1
            if token.text == "shape" and self.take("("):
                shape = self.arguments(")", "after the shape")
                continue
            self.expect("<", f"after the index {token.text}")
            bounds.append((Name(token.text, token.at), self.expression(SUM)))
        return tuple(bounds), shape

    # -- expressions -----------------------------------------------------------------------------

    def expression(self, least: int = LOOSEST) -> Tree:
        """An expression of operators that bind at least as tightly as `least`, as Python does.

        One frame a level (precedence climbing): a hundred levels stay far from Python's limit.
        """
        self.depth += 1
        if self.depth > DEEPEST:
            fail(self.text, self.next.at, f"a formula is nested at most {DEEPEST} deep")
        tree = self.operand()
        while (binds := self.binds()) >= least:
            op = self.next
            self.k += 1
            # a**b**c is a**(b**c), and the exponent may have a sign.
            right = self.expression(SIGN if binds == POWER else binds + 1)
            if binds == COMPARE and self.binds() == COMPARE:
                fail(self.text, self.next.at, f"column {self.next.at + 1}: write a < b and b < c "
                     "instead of a chain of comparisons")  # fmt: skip
            tree = joined(op, tree, right)
        self.depth -= 1
        return tree

    def binds(self) -> int:
        """How tightly the next token binds as an operator between two operands, else 0."""
        return 0 if self.next.kind == "number" else BINDS.get(self.next.text, 0)

    def operand(self) -> Tree:
        token = self.next
        if self.take("-"):
            return Negative(self.expression(SIGN), token.at)
        if self.take("+"):
            return self.expression(SIGN)
        if self.take("not"):
            return Not(self.expression(COMPARE), token.at)
        if self.take("("):
            tree = self.expression()
            self.expect(")", "to close the bracket")
            return tree
        if token.kind == "number":
            self.k += 1
            return Number(token.text, token.at)
        if token.kind != "name" or token.text in ("and", "or"):
            self.stop("a number, a name or '('")
        self.k += 1
        if self.take("["):
            subs = self.arguments("]", f"after the subscripts of {token.text}")
            return Reading(token.text, subs, token.at)
        if self.take("("):
            return self.call(token)
        return Name(token.text, token.at)

    def call(self, token: Token) -> Tree:
        if token.text != "Piecewise":
            return Call(token.text, self.arguments(")", f"after {token.text}(..."), token.at)
        pieces: list[Tree] = []
        while True:
            self.expect("(", "to open a piece (value, condition)")
            pieces += [self.expression()]
            self.expect(",", "between value and condition")
            pieces += [self.expression()]
            self.expect(")", "to close the piece")
            if not self.take(","):
                break
        self.expect(")", "after Piecewise(...")
        return Call("Piecewise", tuple(pieces), token.at)

    def arguments(self, close: str, after: str) -> tuple[Tree, ...]:
        """Expressions up to the closing bracket; none, and a comma at the end, are allowed."""
        found: list[Tree] = []
        while self.next.text != close:
            found.append(self.expression())
            if not self.take(","):
                break
        self.expect(close, after)
        return tuple(found)


def joined(op: Token, a: Tree, b: Tree) -> Tree:
    if op.text in ("and", "or"):
        earlier = a.args if isinstance(a, Bool) and a.op == op.text else (a,)
        return Bool(op.text, (*earlier, b), op.at)
    if BINDS[op.text] == COMPARE:
        return Compare(op.text, a, b, op.at)
    return Binary(op.text, a, b, op.at)
