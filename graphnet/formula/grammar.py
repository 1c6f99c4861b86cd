"""Formula text -> a syntax tree: tokens and a recursive descent, nothing evaluated.

The grammar is on one screen in docs/notation.md. Text is untrusted: its length, its nesting and
the digits of its numbers are bounded before any work is done, and every refusal points at the
column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from graphnet.errors import GraphnetError

__all__ = ["Binary", "Bool", "Call", "Compare", "Name", "Negative", "Not", "Number", "Reading",
           "Statement", "Tree", "fail", "syntax"]  # fmt: skip

LONGEST, DEEPEST, DIGITS = 10_000, 60, 40
GREEK = "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}]*'?)
    |(?P<op>\+=|\*\*|//|<=|>=|==|!=|[-+*/%()\[\],;<>=])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Number:
    text: str
    at: int


@dataclass(frozen=True)
class Name:
    name: str
    at: int


@dataclass(frozen=True)
class Reading:
    """name[subs]"""

    name: str
    subs: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Call:
    name: str
    args: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Binary:
    op: str  # + - * / ** // %
    a: Tree
    b: Tree
    at: int


@dataclass(frozen=True)
class Negative:
    a: Tree
    at: int


@dataclass(frozen=True)
class Compare:
    op: str
    a: Tree
    b: Tree
    at: int


@dataclass(frozen=True)
class Bool:
    op: str  # and, or
    args: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Not:
    a: Tree
    at: int


Tree = Number | Name | Reading | Call | Binary | Negative | Compare | Bool | Not


@dataclass(frozen=True)
class Statement:
    """`target op scalar, bounds..., shape (...)`; a pointwise text has no target."""

    target: Name | Reading | None
    op: str  # "=" or "+="
    scalar: Tree
    bounds: tuple[tuple[Name, Tree], ...] = ()
    shape: tuple[Tree, ...] | None = None


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


def syntax(text: str) -> tuple[Statement, ...]:
    """The statements of a text, separated by ";"."""
    if not isinstance(text, str):
        raise GraphnetError(f"a formula is text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise GraphnetError(f"a formula has at most {LONGEST} characters, this one {len(text)}")
    return _Reader(text, _tokens(text)).statements()


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            code = f"U+{ord(text[at]):04X}"
            hint = "; write ** for a power" if text[at] == "^" else ""
            fail(text, at, f"column {at + 1}: the character {text[at]!a} ({code}) has no meaning "
                 f"in a formula{hint}")  # fmt: skip
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
    if len(mantissa) > DIGITS or len(exponent) > 4 or abs(int(exponent or 0)) > 400:
        fail(text, token.at, f"column {token.at + 1}: a number has at most {DIGITS} digits and an "
             "exponent up to 400")  # fmt: skip


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
        if self.next.kind == "end":
            self.stop("a formula")
        left = self.condition()
        op = self.take("=", "+=")
        if op is None:
            bounds, shape = self.tail()
            return Statement(None, "=", left, bounds, shape)
        if not isinstance(left, Name | Reading):
            fail(self.text, op.at, f"column {op.at + 1}: left of {op.text!r} stands a target such "
                 "as Y[i,j]")  # fmt: skip
        scalar = self.condition()
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
                shape = self.arguments(")", "after the shape") if not self.take(")") else ()
                continue
            self.expect("<", f"after the index {token.text}")
            bounds.append((Name(token.text, token.at), self.sum()))
        return tuple(bounds), shape

    # -- expressions, loosest first --------------------------------------------------------------

    def condition(self) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            fail(self.text, self.next.at, f"a formula is nested at most {DEEPEST} deep")
        tree = self.junction("or", lambda: self.junction("and", self.negation))
        self.depth -= 1
        return tree

    def junction(self, word: str, inner: object) -> Tree:
        at = self.next.at
        parts: list[Tree] = [inner()]  # type: ignore[operator]
        while self.take(word):
            parts.append(inner())  # type: ignore[operator]
        return parts[0] if len(parts) == 1 else Bool(word, tuple(parts), at)

    def negation(self) -> Tree:
        found = []
        while token := self.take("not"):
            found.append(token)
            if len(found) > DEEPEST:
                fail(self.text, token.at, f"a formula is nested at most {DEEPEST} deep")
        tree = self.comparison()
        for token in reversed(found):
            tree = Not(tree, token.at)
        return tree

    def comparison(self) -> Tree:
        left = self.sum()
        op = self.take("<", "<=", "==", "!=", ">=", ">")
        if op is None:
            return left
        tree = Compare(op.text, left, self.sum(), op.at)
        if again := self.take("<", "<=", "==", "!=", ">=", ">"):
            fail(self.text, again.at, f"column {again.at + 1}: write a < b and b < c instead of a "
                 "chain of comparisons")  # fmt: skip
        return tree

    def sum(self) -> Tree:
        tree = self.product()
        while op := self.take("+", "-"):
            tree = Binary(op.text, tree, self.product(), op.at)
        return tree

    def product(self) -> Tree:
        tree = self.unary()
        while op := self.take("*", "/", "//", "%"):
            tree = Binary(op.text, tree, self.unary(), op.at)
        return tree

    def unary(self) -> Tree:
        signs = []
        while op := self.take("-", "+"):
            signs.append(op)
            if len(signs) > DEEPEST:
                fail(self.text, op.at, f"a formula is nested at most {DEEPEST} deep")
        tree = self.power()
        for op in reversed(signs):
            tree = Negative(tree, op.at) if op.text == "-" else tree
        return tree

    def power(self) -> Tree:
        base = self.atom()
        if op := self.take("**"):
            self.depth += 1
            if self.depth > DEEPEST:
                fail(self.text, op.at, f"a formula is nested at most {DEEPEST} deep")
            tree = Binary("**", base, self.unary(), op.at)
            self.depth -= 1
            return tree
        return base

    def atom(self) -> Tree:
        token = self.next
        if token.kind == "number":
            self.k += 1
            return Number(token.text, token.at)
        if token.kind == "name" and token.text not in ("and", "or", "not"):
            self.k += 1
            if self.take("["):
                subs = self.arguments("]", f"after the subscripts of {token.text}")
                return Reading(token.text, subs, token.at)
            if self.take("("):
                return self.call(token)
            return Name(token.text, token.at)
        if self.take("("):
            tree = self.condition()
            self.expect(")", "to close the bracket")
            return tree
        return self.stop("a number, a name or '('")

    def call(self, token: Token) -> Tree:
        if token.text != "Piecewise":
            args = () if self.take(")") else self.arguments(")", f"after {token.text}(...")
            return Call(token.text, args, token.at)
        pieces: list[Tree] = []
        while True:
            self.expect("(", "to open a piece (value, condition)")
            pieces += [self.condition()]
            self.expect(",", "between value and condition")
            pieces += [self.condition()]
            self.expect(")", "to close the piece")
            if not self.take(","):
                break
        self.expect(")", "after Piecewise(...")
        return Call("Piecewise", tuple(pieces), token.at)

    def arguments(self, close: str, after: str) -> tuple[Tree, ...]:
        found = [self.condition()]
        while self.take(","):
            if self.next.text == close:
                break
            found.append(self.condition())
        self.expect(close, after)
        return tuple(found)
