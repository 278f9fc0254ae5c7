"""The grammar of conditions: from text to a tree, or to the first character that is wrong."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from selector.errors import nearest
from selector.rules._place import Fault, shown
from selector.rules._tree import KEYWORDS, And, Compare, List, Literal, Name, Node, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lark import Lark, Token, Transformer
    from lark.exceptions import UnexpectedInput

__all__ = ["MOST_CHARACTERS", "MOST_DEPTH", "MOST_WORDS", "parse"]

MOST_CHARACTERS = 10_000
"""The longest condition."""
MOST_WORDS = 2_000
"""The most words and signs in a condition; reading one takes about 10 microseconds."""
MOST_DEPTH = 30
"""The most brackets and `not` within each other."""

_MOST = 1e18

_GRAMMAR = r"""
?either: both ("or" both)*
?both: turned ("and" turned)*
?turned: NOT turned                          -> opposite
       | comparison
?comparison: operand (relation operand)*
relation: SIGN | CONTAINS | STARTS_WITH | ENDS_WITH | MATCHES | IN | NOT IN
?operand: "(" either ")"
        | NUMBER                             -> number
        | TEXT                               -> text
        | (TRUE | FALSE | NULL)              -> constant
        | LBRACKET [either ("," either)*] "]"  -> members
        | WORD ("." WORD | "[" TEXT "]")*    -> name
NOT: "not"
IN: "in"
CONTAINS: "contains"
STARTS_WITH: "starts_with"
ENDS_WITH: "ends_with"
MATCHES: "matches"
TRUE: "true"
FALSE: "false"
NULL: "null"
SIGN: "==" | "!=" | "<=" | ">=" | "<" | ">"
NUMBER: /-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
TEXT: /'([^'\\]|\\.)*'|"([^"\\]|\\.)*"/s
WORD: /[A-Za-z_][A-Za-z0-9_]*/
LBRACKET: "["
%ignore /[ \t\r\n]+/
"""

_WORD = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\w.]+|[=!<>]=|[^\s\w]""", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\\'\"ntr])")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_REMEDIES = {
    "&&": "write 'and'",
    "||": "write 'or'",
    "=~": "write 'matches'",
    "=": "write '==' to compare",
    "!": "write 'not'",
    "%": "write a share as a number, such as 0.1",
    "-": "there is no arithmetic; a name with a dash is written as in metadata['user-id']",
    "'": "the text that begins here has no end",
    '"': "the text that begins here has no end",
}


def parse(text: str) -> Node:
    """Read a condition.

    Parameters
    ----------
    text
        The condition.

    Returns
    -------
    Node
        What it says; whether that makes sense is for the check.

    Raises
    ------
    Fault
        If it is too long, or not a condition; it says at which character.

    Examples
    --------
    >>> print(parse("hour >= 22   or hour <= 6"))
    hour >= 22 or hour <= 6
    """
    _refuse_long(text)
    _refuse_deep(text)
    from lark.exceptions import UnexpectedInput

    try:
        return cast("Node", _parser().parse(text))
    except UnexpectedInput as error:
        raise _fault(text, error) from None


@lru_cache(1)
def _parser() -> Lark:
    from lark import Lark

    builder = cast("Transformer[Token, Node]", _Builder())
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", start="either", transformer=builder)


def _refuse_long(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise Fault(
            f"a condition has at most {MOST_CHARACTERS:,} characters, not {len(text):,}; split the rule",
            MOST_CHARACTERS,
        )
    if not text.strip():
        raise Fault("the condition is empty; write what must hold, or true", 0)
    for n, word in enumerate(_WORD.finditer(text)):
        if n == MOST_WORDS:
            raise Fault(
                f"a condition has at most {MOST_WORDS:,} words and signs; split the rule, or use labels", word.start()
            )


def _refuse_deep(text: str) -> None:
    """Refuse deep nesting before anything walks over it; each step down the tree is one of these brackets or words."""
    outer: list[int] = []
    nots = 0
    for word in _WORD.finditer(text):
        kind = word[0]
        if kind in {"(", "["}:
            outer.append(nots)
        elif kind in {")", "]"}:
            nots = outer.pop() if outer else 0
        elif kind == "not":
            nots += 1
        elif kind in {"and", "or"}:
            nots = outer[-1] if outer else 0
        if len(outer) + nots > MOST_DEPTH:
            raise Fault(
                f"brackets and 'not' stand at most {MOST_DEPTH} deep in each other; split the rule", word.start()
            )


class _Builder:
    """What becomes of each rule of the grammar; the methods have its names."""

    @staticmethod
    def either(parts: list[Node]) -> Node:
        return Or(tuple(parts), parts[0].at)

    @staticmethod
    def both(parts: list[Node]) -> Node:
        return And(tuple(parts), parts[0].at)

    @staticmethod
    def opposite(parts: tuple[Token, Node]) -> Node:
        return Not(parts[1], _at(parts[0]))

    @staticmethod
    def relation(tokens: list[Token]) -> tuple[str, int]:
        return " ".join(tokens), _at(tokens[0])

    @staticmethod
    def comparison(parts: list[Node | tuple[str, int]]) -> Node:
        left, sign, right, *more = parts
        op, at = cast("tuple[str, int]", sign)
        if more:
            again, where = cast("tuple[str, int]", more[0])
            raise Fault(
                f"comparisons cannot be chained; write {left} {op} {right} and {right} {again} {more[1]}"[:300], where
            )
        return Compare(cast("Node", left), op, cast("Node", right), at)

    @staticmethod
    def number(tokens: list[Token]) -> Node:
        token = tokens[0]
        if len(token) > 40:
            raise Fault(f"a number has at most 40 digits, not {len(token):,}", _at(token))
        value = int(token) if token.lstrip("-").isdigit() else float(token)
        if not (math.isfinite(value) and abs(value) <= _MOST):
            raise Fault(f"a number lies between -1e18 and 1e18, not {token}", _at(token))
        return Literal(value, _at(token))

    @staticmethod
    def text(tokens: list[Token]) -> Node:
        return Literal(_unescaped(tokens[0]), _at(tokens[0]))

    @staticmethod
    def constant(tokens: list[Token]) -> Node:
        return Literal({"true": True, "false": False, "null": None}[tokens[0]], _at(tokens[0]))

    @staticmethod
    def members(parts: list[Node | Token | None]) -> Node:
        first = cast("Token", parts[0])
        return List(tuple(cast("Node", part) for part in parts[1:] if part is not None), _at(first))

    @staticmethod
    def name(tokens: list[Token]) -> Node:
        path = (str(t) if t.type == "WORD" else _unescaped(t) for t in tokens if t.type in {"WORD", "TEXT"})
        return Name(tuple(path), _at(tokens[0]))


def _at(token: Token) -> int:
    return token.start_pos or 0


def _unescaped(token: Token) -> str:
    r"""Read a quoted text: ``\\ \' \" \n \t \r \uXXXX``; any other backslash stays, so that patterns read as usual."""

    def replaced(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    raw = _ESCAPE.sub(replaced, token[1:-1])
    try:
        return raw.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise Fault("the text holds half of a character, which is none; write the whole", _at(token)) from None


def _fault(text: str, error: UnexpectedInput) -> Fault:
    """Say in plain words what the parser met."""
    from lark.exceptions import UnexpectedToken

    if not isinstance(error, UnexpectedToken):
        at = cast("int", error.pos_in_stream)
        pair, one = text[at : at + 2], text[at]
        return Fault(f"unexpected {shown(one)}; {_REMEDIES.get(pair, _REMEDIES.get(one, _PLAIN))}", at)
    token = str(error.token)
    if error.token.type == "$END":
        return Fault(f"the condition ends too early; {_expected(error.expected)} is missing", len(text.rstrip()))
    at = _at(error.token)
    hint = _meant(token, after=text[:at].rstrip()[-1:])
    return Fault(f"unexpected {shown(token)}; {hint or f'{_expected(error.expected)} belongs here'}", at)


_PLAIN = "only names, numbers, texts in quotes, lists and comparisons stand in a condition"


def _expected(terminals: Iterable[str]) -> str:
    """Say what could stand there: the kinds of things, not each of them."""
    found = set(terminals)
    parts = ["a name, a number, a text or a list"] if "NUMBER" in found else []
    parts += ["a name"] if "WORD" in found and not parts else []
    parts += ["a text in quotes"] if "TEXT" in found and not parts else []
    parts += ["a comparison"] if "SIGN" in found else []
    if "$END" in found:
        return " or ".join([*parts, "'and', 'or' or the end"])
    return " or ".join([*parts, *(sign for terminal, sign in (("RPAR", "')'"), ("RSQB", "']'")) if terminal in found)])


def _meant(token: str, after: str) -> str:
    """Guess which word was meant, from what was written and the character before it."""
    word = token.lower()
    if word in KEYWORDS and after == ".":
        return f"a word of the language is written as ['{word}'] in a name"
    if word in KEYWORDS:
        return f"did you mean {word!r}?" if token != word else ""
    hint = nearest(token, KEYWORDS)
    return hint.removeprefix("; ") if token.isidentifier() and "did you mean" in hint else ""
