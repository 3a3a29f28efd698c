"""Figures of leak search over planted and ordinary documents: who was found, as what, by which layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leaks.planting import Planted

Found = tuple[str, int]  # (set, number of the item)


@dataclass(frozen=True)
class Hit:
    """One row of what our search gives. doc: ordinal of the text; start, end: bytes of the place."""

    doc: int
    set: str
    item: int
    field: str
    layer: str
    label: str
    rule: str
    start: int
    end: int


@dataclass
class Counts:
    """One class of planted documents: all, those of detectable items, and of these who was found as what."""

    planted: int = 0
    detectable: int = 0
    labels: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    layers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    peers: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def share(self, count: int) -> float:
        """Of the detectable ones."""
        return count / self.detectable if self.detectable else float("nan")


def count_classes(
    planted: Sequence[Planted],
    hits: Iterable[Hit],
    coverage: set[tuple[str, int, str]],
    exact: set[str],
    peers: dict[str, list[set[Found]]],
) -> dict[str, Counts]:
    """Counts by class. A hit counts where it names the planted item and its place touches the planted text.

    coverage: (set, item, field) of everything that can be detected. A document is `leak` where any such hit says so, else
    `variant`; hits of the layers `exact` count for their layer alone. A peer's find counts where it names the item, or the set alone.
    """
    by_doc: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_doc[hit.doc].append(hit)
    found: dict[str, Counts] = defaultdict(Counts)
    for number, one in enumerate(planted):
        counts = found[one.kind]
        counts.planted += 1
        if not any((one.set, one.item, name) in coverage for name in one.fields):
            continue
        counts.detectable += 1
        mine = [hit for hit in by_doc[number] if _is_of(hit, one)]
        labels = {hit.label for hit in mine if hit.layer not in exact}
        if labels:
            counts.labels["leak" if "leak" in labels else "variant"] += 1
        for layer in {hit.layer for hit in mine if hit.label in (one.expected, "leak")}:
            counts.layers[layer] += 1
        for peer, answers in peers.items():
            counts.peers[peer] += bool(answers[number] & {(one.set, one.item), (one.set, -1)})
    return dict(found)


def _is_of(hit: Hit, one: Planted) -> bool:
    return (hit.set, hit.item) == (one.set, one.item) and hit.start < one.end and one.start < hit.end


def figures(classes: dict[str, Counts], expected: dict[str, str]) -> dict[str, float]:
    """recall_NAME, variant_NAME (nothing else may be said of these) and false_NAME by class, and each class's share of detectable ones."""
    found: dict[str, float] = {}
    for name, counts in classes.items():
        label = expected[name]
        prefix = {"leak": "recall", "variant": "variant", "nothing": "false"}[label]
        found[f"{prefix}_{name}"] = counts.share(
            sum(counts.labels.values()) if label == "nothing" else counts.labels[label]
        )
        if label == "variant":
            found[f"variant_{name}_as_leak"] = counts.share(counts.labels["leak"])
        found[f"detectable_{name}"] = counts.detectable / counts.planted
        found |= {f"{peer}_{name}": counts.share(counts.peers[peer]) for peer in counts.peers}
    both = [classes[name] for name in ("truncated_first", "truncated_last") if name in classes]
    if both:
        detectable = sum(counts.detectable for counts in both)
        found["recall_truncated"] = sum(counts.labels["leak"] for counts in both) / max(1, detectable)
    return found


def table(classes: dict[str, Counts], expected: dict[str, str]) -> list[str]:
    """The table of all classes, as lines."""
    layers = sorted({layer for counts in classes.values() for layer in counts.layers})
    peers = list(dict.fromkeys(peer for counts in classes.values() for peer in counts.peers))
    head = ["class", "expected", "planted", "detectable", "as leak", "as variant", *layers, *peers]
    rows = [head]
    for name, counts in classes.items():
        shares = [counts.labels["leak"], counts.labels["variant"], *(counts.layers[layer] for layer in layers)]
        shares += [counts.peers[peer] for peer in peers]
        rows.append([name, expected[name], str(counts.planted), str(counts.detectable)])
        rows[-1] += [f"{counts.share(share):.3f}" for share in shares]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
