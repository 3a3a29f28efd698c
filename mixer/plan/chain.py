"""All stages at once, in integers: sequences per stage, domain, length bucket and piece of a shard.

Stages that ask for lengths are served first, so that their documents are there when the others draw; then the stages in
order. A first pass over whole domains says how much every stage needs; then the documents are dealt out, each stage its
own; then the stages are filled from what they got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from midmix.errors import ConfigError
from midmix.mixer.plan.allocate import allocate, available_sequences, largest_remainder, spread
from midmix.mixer.plan.pool import Bucket, Lengths, Piece, Pool, whole_sequences
from midmix.mixer.plan.slices import slice_pieces
from midmix.mixer.simplex import I64

# A domain and the name of a length bucket.
Cell = tuple[str, str | None]


@dataclass(frozen=True)
class Request:
    """A stage as it was asked for: `sequences` in whole batches, relative integer weights of domains and of buckets.

    `setting` is what the config calls its token budget, for errors.
    """

    name: str
    sequences: int
    sequence_length: int
    units: Mapping[str, int]
    lengths: Mapping[str, int]
    repeats: bool
    setting: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Sequences drawn from one piece, of `available` that one pass gives."""

    piece: Piece
    sequences: int
    available: int


@dataclass(frozen=True)
class Served:
    """What a stage draws, by domain and bucket, and the most that it could draw."""

    drawn: Mapping[Cell, tuple[Drawn, ...]]
    caps: Mapping[Cell, int]

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
    needs = _needs(cells, left, requests)
    dealt = _deal(cells, needs, requests, lengths)
    return [
        _serve(request, dealt[number], left, _shared_passes(number, cells, needs, requests))
        for number, request in enumerate(requests)
    ]


def _needs(
    cells: Mapping[Cell, tuple[Piece, ...]], left: Mapping[str, Fraction], requests: Sequence[Request]
) -> list[dict[Cell, int]]:
    """Tokens that each stage needs of each cell, were all documents open to it."""
    needs: list[dict[Cell, int]] = [{} for _ in requests]
    used: dict[Cell, int] = defaultdict(int)
    for number in sorted(range(len(requests)), key=lambda i: not requests[i].lengths):
        request = requests[number]
        length = request.sequence_length
        caps = {
            cell: max(0, int(left[cell[0]] * whole_sequences(pieces, length) - Fraction(used[cell], length)))
            for cell, pieces in cells.items()
        }
        for cell, count in fill(request, caps).items():
            # A share that rounds to no sequence keeps its place, so that the second pass rounds as the first did.
            needs[number][cell] = max(1, count * length)
            used[cell] += count * length
    return needs


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
            return _of_piece(piece, lengths(domain, piece.shard))

        slices = slice_pieces(pieces, demands, lengths_of)
        for number, request in enumerate(requests):
            if request.repeats:
                dealt[number][cell] = tuple(piece for part in slices for piece in part)
            elif demands[number]:
                dealt[number][cell] = tuple(slices[number])
    return dealt


def _of_piece(piece: Piece, lengths: I64) -> I64:
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
) -> Served:
    whole = {c: [available_sequences(p.tokens, request.sequence_length) for p in dealt[c]] for c in dealt}
    caps = {c: max(0, int((left[c[0]] - shared.get(c, 0)) * sum(whole[c]))) for c in dealt}
    counts = fill(request, caps)
    drawn = {
        cell: tuple(
            Drawn(piece, sequences, available)
            for piece, sequences, available in zip(
                dealt[cell], spread(counts.get(cell, 0), whole[cell]), whole[cell], strict=True
            )
        )
        for cell in dealt
    }
    return Served(drawn, caps)


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
    if sum(caps) < budget:
        limits = ", ".join(f"{domain} {cap:,}" for (domain, _), cap in zip(cells, caps, strict=True))
        raise ConfigError(
            f"{request.setting}: the plan needs {budget:,} sequences of {request.sequence_length:,} tokens{of}, but the "
            f"domains with a weight give {sum(caps):,} at the epochs allowed over all stages ({limits}): "
            f"{budget - sum(caps):,} are missing. Lower {request.setting} to "
            f"{(request.sequences - budget + sum(caps)) * request.sequence_length:,}, raise mixture.max_epochs, "
            f"or add sources."
        )
    return allocate(budget, units, caps)
