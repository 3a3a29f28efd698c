"""All stages at once, in integers: sequences per stage, domain, length bucket and piece of a shard.

Stages that ask for lengths are served first, so that their documents are there when the others draw; then the stages in
order. A first pass over whole domains says how much every stage needs; then the documents are dealt out, each stage its
own; then the stages are filled from what they got.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from midmix.errors import ConfigError
from midmix.mixer.plan.allocate import allocate, largest_remainder, spread
from midmix.mixer.plan.best_fit import count_rows
from midmix.mixer.plan.pool import Bucket, Lengths, Piece, Pool, Rows, whole_sequences
from midmix.mixer.plan.slices import slice_pieces
from midmix.mixer.simplex import I64

# A domain and the name of a length bucket.
Cell = tuple[str, str | None]


@dataclass(frozen=True)
class Request:
    """A stage as it was asked for: `sequences` in whole batches, relative integer weights of domains and of buckets.

    `repeats` lets it read what others read, `packed` packs its documents best-fit. `setting` is what the config calls
    its token budget, for errors.
    """

    name: str
    sequences: int
    sequence_length: int
    units: Mapping[str, int]
    lengths: Mapping[str, int]
    repeats: bool
    packed: bool
    setting: str

    def draws_from(self, cell: Cell) -> bool:
        """Whether the stage has a weight for the cell."""
        domain, bucket = cell
        return bool(self.units.get(domain)) and (not self.lengths or bucket in self.lengths)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Sequences drawn from one piece, of `available` that one pass gives."""

    piece: Piece
    sequences: int
    available: int


@dataclass(frozen=True)
class Served:
    """What a stage draws, by domain and bucket, the most that it could draw, and what it has of a domain beyond that."""

    drawn: Mapping[Cell, tuple[Drawn, ...]]
    caps: Mapping[Cell, int]
    spare: Mapping[str, Sequence[Piece]]

    def sequences(self, cell: Cell) -> int:
        """Sequences of one cell."""
        return sum(d.sequences for d in self.drawn.get(cell, ()))

    @cached_property
    def by_domain(self) -> Mapping[str, list[Drawn]]:
        """Draws of each domain, over all buckets."""
        found: dict[str, list[Drawn]] = defaultdict(list)
        for (domain, _), drawn in self.drawn.items():
            found[domain].extend(drawn)
        return found


def serve(
    pools: Sequence[Pool], buckets: Sequence[Bucket], requests: Sequence[Request], lengths: Lengths
) -> list[Served]:
    """What every stage draws. Raises ConfigError, with the numbers, when the documents do not suffice."""
    names: list[str | None] = [*(bucket.name for bucket in buckets)] or [None]
    found = {(pool.domain, name): pool.in_bucket(name) for pool in pools for name in names}
    cells = {cell: pieces for cell, pieces in found.items() if pieces}
    left = {pool.domain: pool.left for pool in pools}
    packer = _Packer(lengths)
    needs = _needs(cells, left, requests, packer)
    dealt = _deal(cells, needs, requests, lengths)
    return [
        _serve(request, dealt[number], left, _shared_passes(number, cells, needs, requests), packer)
        for number, request in enumerate(requests)
    ]


class _Packer:
    """Pieces as a stage reads them: as they are, or in rows; the documents of a piece are packed once."""

    def __init__(self, lengths: Lengths) -> None:
        self._lengths = lengths
        self._rows: dict[tuple[str, Piece, int], Piece] = {}

    def packed(self, request: Request, cells: Mapping[Cell, tuple[Piece, ...]]) -> Mapping[Cell, tuple[Piece, ...]]:
        """The cells, those that a stage packs and has a weight for in rows of its sequence length."""
        if not request.packed:
            return cells
        return {
            cell: tuple(self._piece(cell[0], piece, request.sequence_length) for piece in pieces)
            for cell, pieces in cells.items()
            if request.draws_from(cell)
        }

    def _piece(self, domain: str, piece: Piece, sequence_length: int) -> Piece:
        key = domain, piece, sequence_length
        if key not in self._rows:
            count = count_rows(of_piece(piece, self._lengths(domain, piece.shard)), sequence_length)
            self._rows[key] = replace(piece, whole=False, rows=Rows(sequence_length, count))
        return self._rows[key]


def _needs(
    cells: Mapping[Cell, tuple[Piece, ...]],
    left: Mapping[str, Fraction],
    requests: Sequence[Request],
    packer: _Packer,
) -> list[dict[Cell, int]]:
    """Tokens that each stage needs of each cell, were all documents open to it."""
    needs: list[dict[Cell, int]] = [{} for _ in requests]
    used: dict[Cell, int] = defaultdict(int)
    for number in sorted(range(len(requests)), key=lambda i: not requests[i].lengths):
        request = requests[number]
        open_cells = packer.packed(request, cells)
        per_sequence = {cell: _text_of_a_sequence(pieces, request) for cell, pieces in open_cells.items()}
        caps = {
            cell: max(
                0,
                int(left[cell[0]] * whole_sequences(pieces, request.sequence_length) - used[cell] / per_sequence[cell]),
            )
            for cell, pieces in open_cells.items()
        }
        for cell, count in fill(request, caps).items():
            tokens = math.ceil(count * per_sequence[cell])
            # A share that rounds to no sequence keeps its place, so that the second pass rounds as the first did.
            needs[number][cell] = max(1, tokens)
            used[cell] += tokens
    return needs


def _text_of_a_sequence(pieces: Sequence[Piece], request: Request) -> Fraction:
    """Tokens of documents in a sequence: its length, less what fills up rows on average."""
    rows = sum(piece.rows.count for piece in pieces if piece.rows)
    return Fraction(sum(piece.tokens for piece in pieces), rows) if rows else Fraction(request.sequence_length)


def _deal(
    cells: Mapping[Cell, tuple[Piece, ...]],
    needs: Sequence[Mapping[Cell, int]],
    requests: Sequence[Request],
    lengths: Lengths,
) -> list[dict[Cell, tuple[Piece, ...]]]:
    """The pieces that each stage may draw from: its own slice of a cell, or all of it for a stage that repeats."""
    dealt: list[dict[Cell, tuple[Piece, ...]]] = [{} for _ in requests]
    for cell, pieces in cells.items():
        demands = [0 if r.repeats else n.get(cell, 0) for r, n in zip(requests, needs, strict=True)]

        def lengths_of(piece: Piece, domain: str = cell[0]) -> I64:
            return of_piece(piece, lengths(domain, piece.shard))

        slices = slice_pieces(pieces, demands, lengths_of)
        for number, request in enumerate(requests):
            if request.repeats:
                dealt[number][cell] = tuple(piece for part in slices for piece in part)
            elif demands[number]:
                dealt[number][cell] = tuple(slices[number])
    return dealt


def of_piece(piece: Piece, lengths: I64) -> I64:
    """Tokens of the documents of a piece, int64[documents], from those of its shard."""
    if piece.bucket is not None:
        ceiling = piece.bucket.ceiling
        fits = lengths >= piece.bucket.floor
        lengths = lengths[fits & (lengths < ceiling) if ceiling is not None else fits]
    return lengths[piece.first : piece.first + piece.documents]


def _shared_passes(
    number: int,
    cells: Mapping[Cell, tuple[Piece, ...]],
    needs: Sequence[Mapping[Cell, int]],
    requests: Sequence[Request],
) -> dict[Cell, Fraction]:
    """Passes that other stages make over the documents that stage `number` reads."""
    shared = [i for i in range(len(requests)) if i != number and (requests[i].repeats or requests[number].repeats)]
    tokens = {cell: sum(needs[i].get(cell, 0) for i in shared) for cell in cells}
    return {cell: Fraction(n, sum(piece.tokens for piece in cells[cell])) for cell, n in tokens.items() if n}


def _serve(
    request: Request,
    dealt: Mapping[Cell, tuple[Piece, ...]],
    left: Mapping[str, Fraction],
    shared: Mapping[Cell, Fraction],
    packer: _Packer,
) -> Served:
    pieces = packer.packed(request, dealt)
    whole = {c: [p.available(request.sequence_length) for p in pieces[c]] for c in pieces}
    passes = {c: left[c[0]] - shared.get(c, 0) for c in pieces}
    caps = {c: max(0, int(passes[c] * sum(whole[c]))) for c in pieces}
    counts = fill(request, caps)
    drawn: dict[Cell, tuple[Drawn, ...]] = {}
    spare: dict[str, list[Piece]] = defaultdict(list)
    for cell, available in whole.items():
        count = counts.get(cell, 0)
        used = _enough(available, count, passes[cell]) if request.packed else len(available)
        draws = zip(pieces[cell], spread(count, available[:used]), available, strict=False)
        drawn[cell] = tuple(Drawn(piece, sequences, most) for piece, sequences, most in draws)
        spare[cell[0]] += dealt[cell][used:]
    return Served(drawn, caps, spare)


def _enough(available: Sequence[int], sequences: int, passes: Fraction) -> int:
    """How many of the pieces, from the first on, must be packed: those that give `sequences` in a pass, or all.

    Packed shards are written anew, so a stage that wants little of a large domain packs no more than it draws.
    """
    reached = 0
    for number, count in enumerate(available):
        if int(min(Fraction(1), passes) * reached) >= sequences:
            return number
        reached += count
    return len(available)


def fill(request: Request, caps: Mapping[Cell, int]) -> dict[Cell, int]:
    """Sequences of each cell that the stage asks for, none above its cap; together the stage.

    Without lengths, domains are filled by their weights and each is spread over its buckets as these can give. With
    lengths, every bucket has exactly its share of the stage, filled by the domains' weights.
    """
    if request.lengths:
        counts: dict[Cell, int] = {}
        budgets = largest_remainder(request.sequences, list(request.lengths.values()))
        for bucket, budget in zip(request.lengths, budgets, strict=True):
            cells = [cell for cell in caps if cell[1] == bucket and request.units.get(cell[0])]
            units = [request.units[domain] for domain, _ in cells]
            words = f" of length {bucket}"
            counts |= dict(
                zip(cells, _share_out(request, cells, budget, units, [caps[c] for c in cells], words), strict=True)
            )
        return counts
    cells_of: dict[str, list[Cell]] = defaultdict(list)
    for cell in caps:
        if request.units.get(cell[0]):
            cells_of[cell[0]].append(cell)
    firsts = [cells[0] for cells in cells_of.values()]
    units = [request.units[domain] for domain in cells_of]
    reach = [sum(caps[cell] for cell in cells) for cells in cells_of.values()]
    found = _share_out(request, firsts, request.sequences, units, reach, "")
    return {
        cell: count
        for cells, total in zip(cells_of.values(), found, strict=True)
        for cell, count in zip(cells, _by_room(total, [caps[cell] for cell in cells]), strict=True)
    }


def _by_room(total: int, caps: list[int]) -> list[int]:
    return largest_remainder(total, caps) if total else [0] * len(caps)


def _share_out(
    request: Request, cells: Sequence[Cell], budget: int, units: list[int], caps: list[int], of: str
) -> list[int]:
    needs = f"{request.setting}: the plan needs {budget:,} sequences of {request.sequence_length:,} tokens{of}, but"
    if budget and not cells:
        names = ", ".join(name for name, unit in request.units.items() if unit)
        raise ConfigError(
            f"{needs} no domain with a weight ({names}) has a document{of}. Ask for other lengths or weights, or add sources."
        )
    if sum(caps) < budget:
        limits = ", ".join(f"{domain} {cap:,}" for (domain, _), cap in zip(cells, caps, strict=True))
        raise ConfigError(
            f"{needs} the domains with a weight give {sum(caps):,} at the epochs allowed over all stages ({limits}): "
            f"{budget - sum(caps):,} are missing. Lower {request.setting} to "
            f"{(request.sequences - budget + sum(caps)) * request.sequence_length:,}, raise mixture.max_epochs, "
            f"or add sources."
        )
    return allocate(budget, units, caps)
