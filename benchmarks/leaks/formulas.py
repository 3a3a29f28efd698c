"""Formula items made by a generator, each as a tree, so that the same formula can be written in many notations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

VARIABLES = "xyzabcnkmpqtuv"
STEMS = (
    "Evaluate {0} at {1}.",
    "Solve the equation {0} = {1} for all real values.",
    "Show that {0} {le} {1} whenever all variables are positive.",
    "Find the limit of {0} as the ratio {1} tends to infinity.",
    "Simplify {0} and compare it with {1}.",
    "Compute the derivative of {0} given that {1} is constant.",
)


@dataclass(frozen=True)
class Node:
    """A number, a variable, or an operation over nodes."""

    kind: str
    value: str = ""
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Style:
    """One way to write formulas. fraction: braces, bare (\\frac 1 2 where both are one letter), slash or over."""

    fraction: str = "braces"
    fraction_command: str = "frac"
    times: str = r"\cdot"
    power: str = "^"
    exponent_braces: bool = True
    root: str = r"\sqrt{%s}"
    left: str = r"\left("
    right: str = r"\right)"
    spaces: bool = True
    open: str = "$"
    close: str = "$"
    at_most: str = r"$\leq$"
    superscripts: bool = False


AS_WRITTEN = Style()
REWRITES = (
    Style(fraction="bare", spaces=False, left="(", right=")"),
    Style(fraction="slash", times="*", exponent_braces=False, root="sqrt(%s)", left="(", right=")", open=r"\(", close=r"\)",
          at_most="≤"),
    Style(fraction_command="dfrac", times=r"\times", spaces=False, open=r"\(", close=r"\)", at_most=r"\(\le\)"),
    Style(fraction="slash", times="*", power="**", exponent_braces=False, root="sqrt(%s)", left="(", right=")", open="",
          close="", at_most="<="),
    Style(times="·", left=r"\bigl(", right=r"\bigr)", open=r"\[", close=r"\]", at_most="≤"),
)  # fmt: skip
# Notations that are harder to see through: TeX's own fraction, no sign for a product, characters for roots and powers.
HARD_REWRITES = (
    replace(AS_WRITTEN, fraction="over", left="(", right=")"),
    replace(AS_WRITTEN, times="", open="", close="", at_most="≤", left="(", right=")"),
    replace(REWRITES[1], superscripts=True, root="√(%s)", open="", close=""),
)
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Formula:
    """A sentence about two formulas."""

    stem: str
    first: Node
    second: Node

    def written(self, style: Style) -> str:
        """The sentence in one notation."""
        one, two = (f"{style.open}{_written(node, style)}{style.close}" for node in (self.first, self.second))
        return self.stem.format(one, two, le=style.at_most)


def formula(draw: Random) -> Formula:
    """A formula of random shape."""
    return Formula(draw.choice(STEMS), _node(draw, 0), _node(draw, 0))


def other_numbers(one: Formula, draw: Random) -> Formula | None:
    """The same shape with every number another one; None where there is no number."""
    other = Formula(one.stem, _other_numbers(one.first, draw), _other_numbers(one.second, draw))
    return None if other == one else other


def _node(draw: Random, depth: int) -> Node:
    chance = draw.random()
    if depth >= 3 or (depth > 0 and chance < 0.3):
        return Node("leaf", str(draw.randint(2, 97)) if draw.random() < 0.5 else draw.choice(VARIABLES))
    if chance < 0.62:
        kind = "fraction" if chance < 0.5 else "product"
    elif chance < 0.74:
        return Node("power", "", (Node("leaf", draw.choice(VARIABLES)), Node("leaf", str(draw.randint(2, 9)))))
    elif chance < 0.8:
        return Node("root", "", (_node(draw, depth + 1),))
    else:
        kind = draw.choice(("sum", "difference"))
    return Node(kind, "", (_node(draw, depth + 1), _node(draw, depth + 1)))


def _other_numbers(node: Node, draw: Random) -> Node:
    if node.value.isdigit():
        return replace(node, value=str(int(node.value) + draw.randint(1, 40)))
    return replace(node, parts=tuple(_other_numbers(part, draw) for part in node.parts))


def _written(node: Node, style: Style) -> str:
    space = " " if style.spaces else ""
    if node.kind == "leaf":
        return node.value
    if node.kind == "root":
        return style.root % _written(node.parts[0], style)
    if node.kind == "power":
        base, exponent = (_written(part, style) for part in node.parts)
        if style.superscripts:
            return base + exponent.translate(_SUPERSCRIPTS)
        return f"{base}{style.power}{{{exponent}}}" if style.exponent_braces else f"{base}{style.power}{exponent}"
    if node.kind == "fraction":
        return _fraction(node, style, space)
    if node.kind == "product":
        one, two = (_grouped(part, style, ("sum", "difference")) for part in node.parts)
        beside = " " if one[-1].isdigit() and two[0].isdigit() else ""
        return f"{one} {style.times} {two}" if style.times else f"{one}{beside}{two}"
    sign = "+" if node.kind == "sum" else "-"
    subtracted = _grouped(node.parts[1], style, ("sum", "difference") if sign == "-" else ())
    return f"{_written(node.parts[0], style)}{space}{sign}{space}{subtracted}"


def _grouped(node: Node, style: Style, kinds: tuple[str, ...]) -> str:
    text = _written(node, style)
    return f"{style.left}{text}{style.right}" if node.kind in kinds else text


def _fraction(node: Node, style: Style, space: str) -> str:
    above, below = (_written(part, style) for part in node.parts)
    if style.fraction == "slash":
        compound = ("fraction", "product", "power", "root", "sum", "difference")
        above, below = (_grouped(part, style, compound) for part in node.parts)
        return f"{above}{space}/{space}{below}"
    if style.fraction == "over":
        return f"{{{above} \\over {below}}}"
    if style.fraction == "bare" and len(above) == len(below) == 1:
        return f"\\frac {above} {below}"
    return f"\\{style.fraction_command}{{{above}}}{{{below}}}"
