"""The part of the Common Expression Language that the rules of the project's CRDs use, compiled to functions.

Source: the language definition of CEL (https://github.com/google/cel-spec), and the string, list and duration functions
of Kubernetes. The differential test shows that the rules give the verdicts of a real API server.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Env = Mapping[str, Any]
Node = Callable[[Env], Any]
_Path = tuple[Node, str]

_TOKEN = re.compile(
    r"""\s*(?:(?P<raw>r'[^']*'|r"[^"]*")|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>\d+)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<mark>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]]))"""
)
_UNITS = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_UNITS["h"] = 3600 * 10**9
_LONGEST = 2**63
_NO_DURATION = "type conversion error from 'string' to 'google.protobuf.Duration'"
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")


class CelError(Exception):
    """A rule cannot be compiled, or its evaluation fails."""


def _duration(text: str) -> int:
    """A Go duration in nanoseconds. Raises CelError."""
    rest, total = text.lstrip("+"), 0
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise CelError(_NO_DURATION)
        unit = _UNITS[part[3]]
        total += int(part[1] or "0") * unit + int(part[2] or "0") * unit // 10 ** len(part[2] or "")
        rest = rest[part.end() :]
    if total >= _LONGEST:
        raise CelError(_NO_DURATION)
    return total


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern of RE2. There, `$` is the end of the text, and not also before a last line break."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


_METHODS: Mapping[str, Callable[..., Any]] = {
    "matches": lambda text, pattern: _expression(pattern).search(text) is not None,
    "startsWith": lambda text, begin: text.startswith(begin),
    "endsWith": lambda text, end: text.endswith(end),
    "contains": lambda text, part: part in text,
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, by: text.split(by),
    "size": len,
    "sum": sum,
}
_MACROS: Mapping[str, Callable[[Node, str, Node, Env], Any]] = {
    "all": lambda found, name, test, env: all(test({**env, name: one}) for one in found(env)),
    "exists": lambda found, name, test, env: any(test({**env, name: one}) for one in found(env)),
    "filter": lambda found, name, test, env: [one for one in found(env) if test({**env, name: one})],
    "map": lambda found, name, make, env: [make({**env, name: one}) for one in found(env)],
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda one, found: one in found,
}


def compile_rule(text: str) -> Callable[[Any], Any]:
    """Compiles a rule about `self`. The function raises CelError where the evaluation fails."""
    node = _Parser(text).whole()

    def evaluate(found: Any) -> Any:
        try:
            return node({"self": found})
        except KeyError as error:
            raise CelError(f"no such key: {error.args[0]}") from None

    return evaluate


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place, text = 0, text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise CelError(f"cannot read {text[place : place + 20]!r}")
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            place = match.end()
        self._tokens.append(("end", ""))
        self._place = 0

    def whole(self) -> Node:
        node = self._conditional()
        if self._tokens[self._place][0] != "end":
            raise CelError(f"unexpected {self._tokens[self._place][1]!r}")
        return node

    def _took(self, *marks: str) -> str:
        kind, text = self._tokens[self._place]
        if kind in {"mark", "name"} and text in marks:
            self._place += 1
            return text
        return ""

    def _need(self, mark: str) -> None:
        if not self._took(mark):
            raise CelError(f"{mark!r} expected, not {self._tokens[self._place][1]!r}")

    def _conditional(self) -> Node:
        test = self._either()
        if not self._took("?"):
            return test
        yes = self._conditional()
        self._need(":")
        no = self._conditional()
        return lambda env: yes(env) if test(env) else no(env)

    def _either(self) -> Node:
        node = self._both()
        while self._took("||"):
            node = _or(node, self._both())
        return node

    def _both(self) -> Node:
        node = self._comparison()
        while self._took("&&"):
            node = _and(node, self._comparison())
        return node

    def _comparison(self) -> Node:
        node = self._sum()
        while mark := self._took(*_COMPARISONS):
            node = _two(_COMPARISONS[mark], node, self._sum())
        return node

    def _sum(self) -> Node:
        node = self._unary()
        while mark := self._took("+", "-"):
            node = _two(operator.add if mark == "+" else operator.sub, node, self._unary())
        return node

    def _unary(self) -> Node:
        if self._took("!"):
            inner = self._unary()
            return lambda env: not inner(env)
        return self._postfix()

    def _postfix(self) -> Node:
        node, _ = self._place_of()
        return node

    def _place_of(self) -> tuple[Node, _Path | None]:
        """A value, and the field that it was read from."""
        node, path = self._primary(), None
        while mark := self._took(".", "["):
            if mark == "[":
                index = self._conditional()
                self._need("]")
                node, path = _two(lambda found, key: found[key], node, index), None
                continue
            name = self._tokens[self._place][1]
            self._place += 1
            if self._took("("):
                node, path = self._call(node, name), None
            else:
                path = (node, name)
                node = _field(node, name)
        return node, path

    def _call(self, target: Node, name: str) -> Node:
        if name in _MACROS:
            variable = self._tokens[self._place][1]
            self._place += 1
            self._need(",")
            body, macro = self._conditional(), _MACROS[name]
            self._need(")")
            return lambda env: macro(target, variable, body, env)
        arguments, method = self._arguments(")"), _METHODS.get(name)
        if method is None:
            raise CelError(f"undeclared reference to {name!r}")
        return lambda env: method(target(env), *(one(env) for one in arguments))

    def _arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while not self._took(end):
            found.append(self._conditional())
            if not self._took(","):
                self._need(end)
                break
        return found

    def _primary(self) -> Node:
        kind, text = self._tokens[self._place]
        self._place += 1
        if kind in {"raw", "text", "number"} or text in {"true", "false"}:
            return _literal(kind, text)
        if text == "(":
            node = self._conditional()
            self._need(")")
            return node
        if text == "[":
            items = self._arguments("]")
            return lambda env: [one(env) for one in items]
        if kind == "name":
            return self._function(text) if self._took("(") else lambda env: env[text]
        raise CelError(f"unexpected {text!r}")

    def _function(self, name: str) -> Node:
        if name == "has":
            _, path = self._place_of()
            self._need(")")
            if path is None:
                raise CelError("has() needs a field")
            found, key = path
            return lambda env: key in found(env)
        (argument,) = self._arguments(")")
        if name == "duration":
            return lambda env: _duration(argument(env))
        if name == "size":
            return lambda env: len(argument(env))
        raise CelError(f"undeclared reference to {name!r}")


def _literal(kind: str, text: str) -> Node:
    values: Mapping[str, Callable[[], Any]] = {
        "raw": lambda: text[2:-1],
        "text": lambda: re.sub(r"\\(.)", r"\1", text[1:-1]),
        "number": lambda: int(text),
    }
    value = values[kind]() if kind in values else text == "true"
    return lambda _: value


def _field(found: Node, name: str) -> Node:
    return lambda env: found(env)[name]


def _or(one: Node, other: Node) -> Node:
    return lambda env: one(env) or other(env)


def _and(one: Node, other: Node) -> Node:
    return lambda env: one(env) and other(env)


def _two(what: Callable[[Any, Any], Any], one: Node, other: Node) -> Node:
    return lambda env: what(one(env), other(env))
