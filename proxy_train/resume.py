"""What a batch leaves behind as it trains, so that a process that was killed can go on bitwise, and people see where it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import midmix
from midmix.errors import InputError
from midmix.proxy_train.checkpoint import read_tensors, save_tensors
from midmix.proxy_train.course import Course
from midmix.proxy_train.halving import Judged
from midmix.proxy_train.pool import Run
from midmix.proxy_train.swarm import Measurement, Swarm
from midmix.proxy_train.texts import Text
from midmix.table_manifest import load_manifest
from midmix.tables import TOKENS
from midmix.task import Task, fingerprint
from midmix.within import Within

FORM = "batch-1"
# Saving may take this share of a batch's time: where steps are short and weights many, some points go unsaved.
MOST_TIME = 0.05


@dataclass
class Resume:
    """The state of a batch in `file`, good for work of this `identity` alone. `within` tells of its steps."""

    file: Path
    scratch: Path
    identity: str
    within: Within
    _saved: float = 0.0
    _cost: float = 0.0

    @classmethod
    def of(cls, task: Task, steps: int, device: torch.device) -> Resume:
        """That of a task; what its result depends on beyond its settings are its inputs, the device and the versions."""
        inputs = {name: [path.name for path in paths] for name, paths in task.inputs.items()}
        shards = load_manifest(task.folder, TOKENS.name).digest
        kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        identity = fingerprint([FORM, task.settings, inputs, shards, kind, torch.__version__, midmix.__version__])
        file = task.folder / "state" / "train" / f"{task.item}.safetensors"
        return cls(file, task.scratch, identity, Within(task.folder, task.item, steps))

    def tell(self, step: int) -> None:
        """Note how far the batch is."""
        self.within.done(step)

    def save(self, swarm: Swarm, course: Course) -> None:
        """Keep the state after a step, atomically; not where that would take more than MOST_TIME."""
        start = time.monotonic()
        if (start - self._saved) * MOST_TIME < self._cost:
            return
        tensors, facts = swarm.state(), {"identity": self.identity, "step": swarm.step, "places": course.places}
        tensors = {f"swarm.{name}": tensor for name, tensor in tensors.items()}
        for one in course.measured:
            tensors[f"nats.{one.step}"] = torch.from_numpy(one.nats_MX)
        facts["judged"] = [[one.run.number, one.step, one.score, one.kept] for one in course.judged]
        save_tensors(self.file, tensors, facts, form=FORM, scratch=self.scratch)
        self._saved = time.monotonic()
        self._cost = self._saved - start

    def load(self, swarm: Swarm, runs: Sequence[Run], curve: Sequence[Text]) -> Course | None:
        """Put the swarm where an earlier process left it; None where there is nothing, or nothing that can be used."""
        try:
            tensors, facts = read_tensors(self.file, form=FORM)
        except InputError as error:
            if self.file.exists():
                self._start_again(str(error))
            return None
        if facts["identity"] != self.identity:
            self._start_again(f"{self.file}: of other settings, inputs, versions or another device")
            return None
        by_number = {run.number: run for run in runs}
        measured = [
            Measurement(int(name.removeprefix("nats.")), tensor.numpy(), curve)
            for name, tensor in tensors.items()
            if name.startswith("nats.")
        ]
        course = Course(
            facts["places"],
            sorted(measured, key=lambda one: one.step),
            [Judged(by_number[number], step, float(score), kept) for number, step, score, kept in facts["judged"]],
        )
        if len(course.places) < len(runs):
            swarm.keep(course.places)
        swarm.set_state({n.removeprefix("swarm."): t for n, t in tensors.items() if n.startswith("swarm.")})
        swarm.step = facts["step"]
        self.within.say(f"goes on from step {swarm.step}")
        return course

    def _start_again(self, reason: str) -> None:
        self.within.say(f"starts again, as what an earlier process left cannot be used: {reason}")

    def remove(self) -> None:
        """Nothing to go on from any more: the batch is done."""
        self.file.unlink(missing_ok=True)
        self.within.end()
