"""Text that the environment holds: docstrings as prose, the code without them, SymPy's docstrings and comments as math.

A docstring taken as a document is cut from its code document. Files are read in a seeded order and only as far as
they are wanted, for `ast` parses a few MB a second.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from midmix.demo.wheels import Wheel
from midmix.errors import InputError

PROSE, CODE, MATH = "prose", "code", "math"
_OWN_PAGE_CHARS = 400  # a docstring of this length is a document; shorter ones of a class share a page
_SHORTEST_CHARS = 60
_PAGE_CHARS = 3000
_CODE_CHARS = (300, 120_000)
_WRAPPED_CHARS = 55  # a shorter line was ended on purpose
_UNDERLINE = re.compile(r"^[ \t]*[-=~^]{3,}[ \t]*$")
_FLOWING = re.compile(r"^[A-Za-z(\"'`*:]")
_ITEM = re.compile(r"^(\* |:\w+|\.\. |[A-Za-z]\) |(?:from|import) |\w+( \([^()]*\))? ?[:=])")
_COMMENT = re.compile(r"^[ \t]*#+ ?(.*)$")


@dataclass(frozen=True)
class Found:
    """A document of the environment and where it came from."""

    kind: str
    text: str
    wheel: str
    version: str
    license: str
    path: str
    member: str

    @property
    def url(self) -> str:
        """Where it comes from, as a package URL."""
        return f"pkg:pypi/{self.wheel.lower()}@{self.version}#{self.path}" + (f":{self.member}" if self.member else "")


@dataclass(frozen=True)
class SourceFile:
    """A Python file of a wheel."""

    wheel: Wheel
    version: str
    path: str
    place: Path


@dataclass(frozen=True)
class _Docstring:
    member: str
    page: str
    text: str
    first_line: int
    end_line: int
    alone: bool


def require(wheels: Iterable[Wheel]) -> None:
    """Raises InputError when a wheel of the list is not installed, naming all that are missing."""
    missing = sorted({w.name for w in wheels if not _installed(w.name)})
    if missing:
        raise InputError(
            f"the demo corpus is made of installed packages, and these are missing: {', '.join(missing)}. "
            "Expected an environment made from constraints.txt; `make setup` builds it, or `pip install` them."
        )


def source_files(wheels: Sequence[Wheel], seed: int) -> list[SourceFile]:
    """The files of the wheels in an order drawn by the seed, each once."""
    files: dict[tuple[str, str], SourceFile] = {}
    for wheel in wheels:
        distribution = metadata.distribution(wheel.name)
        # `distribution.files` builds an object per file, which takes seconds for torch.
        for line in (distribution.read_text("RECORD") or "").splitlines():
            path = line.partition(",")[0]
            if wheel.holds(path):
                place = Path(str(distribution.locate_file(path)))
                files.setdefault((wheel.name, path), SourceFile(wheel, _release(distribution.version), path, place))
    return sorted(files.values(), key=lambda f: hashlib.blake2b(f"{seed}:{f.wheel.name}:{f.path}".encode()).digest())


def documents(file: SourceFile, *, math: bool) -> Iterator[Found]:
    """Documents of one file: docstrings and code, or docstrings and comments where it is about mathematics."""
    try:
        source = file.place.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in strings are no concern of ours
            tree = ast.parse(source)
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return
    lines = source.splitlines(keepends=True)
    if sum(1 for _ in source.split("\n")) - source.endswith("\n") != len(lines):
        return  # form feeds and the like: line numbers of ast and ours would differ
    taken: list[_Docstring] = []
    for member, group in _pages([d for d in _docstrings(tree, lines) if len(d.text) >= _SHORTEST_CHARS]):
        taken += group
        text = "\n\n".join(f"{d.member}\n\n{d.text}" if d.member else d.text for d in group)
        yield _found(file, MATH if math else PROSE, text if math else reflow(text), member)
    rest = _without(lines, taken)
    if math:
        for number, text in enumerate(_comments(rest)):
            yield _found(file, MATH, text, f"comments-{number}")
    else:
        text = "".join(rest).strip("\n") + "\n"
        if _CODE_CHARS[0] <= len(text) <= _CODE_CHARS[1]:
            yield _found(file, CODE, text, "")


def descriptions(wheels: Iterable[Wheel]) -> Iterator[Found]:
    """The README that each wheel carries in its metadata, cut at its headings into documents."""
    for wheel in {w.name: w for w in wheels}.values():
        distribution = metadata.distribution(wheel.name)
        _, _, text = (distribution.read_text("METADATA") or "").partition("\n\n")
        pieces = [p.strip() for p in re.split(r"(?m)^(?=#{1,3} )", text)]
        for number, piece in enumerate(p for p in pieces if len(p) >= _OWN_PAGE_CHARS):
            yield Found(
                PROSE, piece, wheel.name, _release(distribution.version), wheel.license, "METADATA", f"section-{number}"
            )


def reflow(text: str) -> str:
    """The text as a page would show it: wrapped lines joined into paragraphs, underlines of headings left out."""
    out: list[str] = []
    last = ""
    for line in text.split("\n"):
        if _UNDERLINE.match(line):
            last = ""
            continue
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        joins = (
            len(last) >= _WRAPPED_CHARS
            and indent == len(last) - len(last.lstrip(" "))
            and _FLOWING.match(body)
            and _FLOWING.match(last.lstrip(" "))
            and not _ITEM.match(body)
            and not last.endswith(":")
        )
        if joins:
            out[-1] += " " + body
        else:
            out.append(line)
        last = line
    return "\n".join(out)


def _release(version: str) -> str:
    return version.partition("+")[0]  # `+cpu` or `+cu130` say how it was built; the Python text is the same


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _found(file: SourceFile, kind: str, text: str, member: str) -> Found:
    return Found(kind, text, file.wheel.name, file.version, file.wheel.license, file.path, member)


def _docstrings(tree: ast.Module, lines: list[str]) -> list[_Docstring]:
    """Docstrings in source order that stand on lines of their own."""
    found: list[_Docstring] = []
    stack: list[tuple[ast.AST, str, str]] = [(tree, "", "")]
    while stack:
        node, name, page = stack.pop()
        body: list[ast.stmt] = getattr(node, "body", [])
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            value, where = body[0].value.value, body[0]
            if isinstance(value, str) and _on_own_lines(where, lines):
                found.append(
                    _Docstring(
                        name,
                        page,
                        inspect.cleandoc(value),
                        where.lineno - 1,
                        where.end_lineno or where.lineno,
                        len(body) == 1,
                    )
                )
        for child in (*body, *getattr(node, "orelse", [])):
            if isinstance(child, ast.ClassDef):
                stack.append((child, _dotted(name, child.name), _dotted(name, child.name)))
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                stack.append((child, _dotted(name, child.name), page))
            elif isinstance(child, ast.If | ast.Try):
                stack.append((child, name, page))
    return sorted(found, key=lambda d: d.first_line)


def _dotted(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


def _on_own_lines(node: ast.stmt, lines: list[str]) -> bool:
    before = lines[node.lineno - 1][: node.col_offset]
    after = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :]
    return not before.strip() and not after.strip()


def _pages(docstrings: Iterable[_Docstring]) -> Iterator[tuple[str, list[_Docstring]]]:
    """Long docstrings alone; short ones of the same class or module together, where they fill a page."""
    waiting: dict[str, list[_Docstring]] = {}
    for docstring in docstrings:
        if len(docstring.text) >= _OWN_PAGE_CHARS:
            yield docstring.member, [docstring]
            continue
        group = waiting.setdefault(docstring.page, [])
        group.append(docstring)
        if sum(len(d.text) for d in group) >= _PAGE_CHARS:
            yield group[0].member + " and others", waiting.pop(docstring.page)
    for group in waiting.values():
        if sum(len(d.text) for d in group) >= _OWN_PAGE_CHARS:
            yield group[0].member + " and others", group


def _without(lines: list[str], taken: Iterable[_Docstring]) -> list[str]:
    """The lines of a file with docstrings cut; a body that was nothing else becomes an ellipsis."""
    rest = list(lines)
    for docstring in taken:
        first = lines[docstring.first_line]
        for i in range(docstring.first_line, docstring.end_line):
            rest[i] = ""
        if docstring.alone:
            rest[docstring.first_line] = first[: len(first) - len(first.lstrip())] + "...\n"
    return rest


def _comments(lines: Iterable[str]) -> Iterator[str]:
    """Comment blocks of a file, gathered into pages."""
    page: list[str] = []
    block: list[str] = []
    for line in (*lines, ""):
        match = _COMMENT.match(line)
        if match:
            block.append(match[1].rstrip())
            continue
        text = "\n".join(block).strip()
        block = []
        if len(text) >= _SHORTEST_CHARS:
            page.append(text)
        if sum(map(len, page)) >= _PAGE_CHARS:
            yield "\n\n".join(page)
            page = []
    if sum(map(len, page)) >= _OWN_PAGE_CHARS:
        yield "\n\n".join(page)
