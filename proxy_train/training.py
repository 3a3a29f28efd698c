"""The steps of a batch: train, measure, halve, and keep what can be gone on from."""

from __future__ import annotations

from collections.abc import Sequence

from midmix.proxy_train.course import Course
from midmix.proxy_train.halving import Halving, Judged, widened
from midmix.proxy_train.pool import Run
from midmix.proxy_train.resume import Resume
from midmix.proxy_train.schedule import curve_steps
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.texts import Text


def train_to_the_end(
    swarm: Swarm, runs: Sequence[Run], curve: Sequence[Text], final: Sequence[Text], halving: Halving, resume: Resume
) -> Course:
    """Train a batch from where a killed process left it, or from its start.

    The last two measurements are those of the last step, on `curve` and on `final`.
    """
    course = resume.load(swarm, runs, curve) or Course(list(range(len(runs))))
    points = set(curve_steps(swarm.recipe.steps))
    while swarm.step < swarm.recipe.steps:
        swarm.advance()
        resume.tell(swarm.step)
        halves = swarm.step in halving.steps
        if swarm.step not in points and not halves:
            continue
        measured = swarm.measure(curve)
        if swarm.step in points:
            course.measured.append(widened(measured, course.places, len(runs)))
        if halves:
            _halve(swarm, course, halving.judge(measured, [runs[place] for place in course.places]))
        resume.save(swarm, course)
    course.measured.append(widened(swarm.measure(final), course.places, len(runs)))
    return course


def _halve(swarm: Swarm, course: Course, judged: Sequence[Judged]) -> None:
    course.judged += judged
    kept = [i for i, one in enumerate(judged) if one.kept]
    swarm.keep(kept)
    course.places = [course.places[i] for i in kept]
