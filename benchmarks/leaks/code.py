"""What becomes of a programming task when it is copied: rewrites of a prompt (signature and docstring) with its body."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from random import Random

WORDS = """alpha anchor basket bucket cargo chunk cursor delta entry frame gadget handle index_of item_of kernel ledger
marker nugget offset packet quota record sample target update vector widget yield_of zone acc buf cnt dst elem fst grp
idx key_of lst mid nxt obj prev res src tmp val""".split()


def docstring(prompt: str, draw: Random) -> str | None:
    """The text of the last docstring alone; None where there is none."""
    found = re.findall(r'("""|\'\'\')(.*?)\1', prompt, re.S)
    return found[-1][1] if found else None


def renamed(source: str, draw: Random) -> str | None:
    """Every function, argument and variable of its own under another name; comments and docstring stay as they are.

    Calls in the docstring's examples follow. None where the source cannot be parsed.
    """
    own = _own_names(source)
    if not own or len(own) > len(WORDS):
        return None
    other = dict(zip(own, draw.sample(WORDS, len(own)), strict=True))
    lines = source.splitlines(keepends=True)
    before = ""
    edits: list[tuple[int, int, int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        new = None
        if token.type == tokenize.NAME and before != ".":
            new = other.get(token.string)
        elif token.type == tokenize.STRING:
            new = re.sub(r"[A-Za-z_]\w*(?=\()", lambda name: other.get(name.group(), name.group()), token.string)
        if new is not None and new != token.string:
            edits.append((_place(lines, token.start), _place(lines, token.end), len(edits), new))
        before = token.string
    for start, end, _, new in reversed(edits):
        source = source[:start] + new + source[end:]
    return source


def _place(lines: list[str], position: tuple[int, int]) -> int:
    return sum(map(len, lines[: position[0] - 1])) + position[1]


def _own_names(source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return sorted(names)


def reformatted(source: str, draw: Random) -> str | None:
    """As Python's own printer writes it: other quotes, spaces and line breaks; comments are lost."""
    try:
        return ast.unparse(ast.parse(source))
    except SyntaxError:
        return None


def stripped(source: str, draw: Random) -> str | None:
    """Without comments and docstrings, printed anew."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def renamed_body(source: str, draw: Random) -> str | None:
    """Without comments and docstrings, every name of its own another one."""
    bare = stripped(source, draw)
    return None if bare is None else renamed(bare, draw)
