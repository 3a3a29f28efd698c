"""Step-by-step logic problems: orders, truth tellers, traces of small procedures."""

from __future__ import annotations

from itertools import pairwise, product
from math import gcd

from midmix.demo.draw import Draw
from midmix.demo.problem import Problem, capital, say
from midmix.demo.wording import ANIMALS, COLOURS, JOBS, KIN, NAMES, NONSENSE, ORDINALS, PLACES, THINGS, TIMES, WEEKDAYS

# fmt: off
# Phrasings of one sentence stand side by side; one a line would hide the sentence.

_ORDERS = (
    ("taller", "tallest"), ("older", "oldest"), ("faster", "fastest"), ("heavier", "heaviest"), ("richer", "richest"),
    ("louder", "loudest"), ("stronger", "strongest"), ("busier", "busiest"),
)


def order(words: Draw, numbers: Draw) -> Problem:
    """A chain of comparisons told out of order; a place in the order is asked."""
    people, (more, most) = words.sample(NAMES, words.between(4, 6)), words.pick(_ORDERS)
    pairs = list(pairwise(people))
    clues = [
        say(words, "{a} is {m} than {b}.", "{b} is less {l} than {a}, says {kin}.",
        "Compared at {place}, {a} was {m} than {b}.",
            "{kin} noticed {when} that {a} is {m} than {b}.", a=a, b=b, m=more,
            l=more.removesuffix("ier") + "y" if more.endswith("ier")
            else more.removesuffix("er"), kin=words.pick(KIN), place=words.pick(PLACES), when=words.pick(TIMES).lower())
        for a, b in pairs
    ]
    place = words.between(1, len(people) - 1)
    which = most if place == 1 else f"{ORDINALS[place - 1]} {most}"
    ask = say(words, "Who is the {w}?", "Name the {w} of them.", "Which of them is the {w}?", w=which)
    steps = [say(words, "from one clue, {a} comes before {b}.", "we know {a} > {b}.", "{b} stands below {a}.", a=a,
        b=b) for a, b in pairs]
    steps.append(say(words, "chained together: {c}.", "the full order is {c}.", "this gives {c}.",
        c=" > ".join(people)))
    steps.append(f"number {place} in it is {people[place - 1]}.")
    return Problem("order", " ".join([*map(capital, words.shuffled(clues)), ask]), tuple(steps), people[place - 1])


def truth_tellers(words: Draw, numbers: Draw) -> Problem:
    """Three speakers who always lie or never do; the cases that agree with their words are counted."""
    people = words.sample(NAMES, 3)
    claims = [(speaker, words.pick([i for i in range(3) if i != speaker]), words.chance(0.5)) for speaker in range(3)]
    kinds = words.pick((("a knight", "a knave"), ("honest", "a liar"), ("a truth teller", "a fibber"),
        ("sincere", "a trickster")))
    spoken = [
        say(words, '{a} says: "{b} is {k}."', 'According to {a}, {b} is {k}.', '"{b} is {k}," {a} claims at {place}.',
            '{when}, {a} told {kin} that {b} is {k}.', a=people[s], b=people[o], k=kinds[0 if told else 1],
            place=words.pick(PLACES),
            when=words.pick(TIMES), kin=words.pick(KIN))
        for s, o, told in claims
    ]
    cases = list(product((True, False), repeat=3))
    good = [case for case in cases if all(case[s] == (case[o] == told) for s, o, told in claims)]
    steps = []
    for case in words.shuffled(cases)[:5]:
        named = ", ".join(f"{p} {kinds[0 if c else 1]}" for p, c in zip(people, case, strict=True))
        broken = next((people[s] for s, o, told in claims if case[s] != (case[o] == told)), None)
        steps.append(say(words, "suppose {n}: {end}.", "take {n}; {end}.", "try {n}: here {end}.", n=named,
                         end=say(words, "{b} speaks against it", "the words of {b} fail", "{b} would be wrong",
                         b=broken) if broken else "every claim holds"))
    steps.append(say(words, "of all 8 cases, {n} fit.", "for {a}, {b} and {c} only {n} cases stay.",
        "going on like this leaves {n}.", n=len(good), a=people[0],
                     b=people[1], c=people[2]))
    opening = say(words, "Near {place}, {a}, {b} and {c} are each {k} (always true) or {l} (always false).",
                  "{a}, {b} and {c} met {kin}; {k} tells the truth at {place}, {l} never does.",
                  place=words.pick(PLACES),
                  a=people[0], b=people[1], c=people[2], k=kinds[0], l=kinds[1], kin=words.pick(KIN))
    ask = say(words, "In how many ways can this be?", "How many cases agree with {a}, {b} and {c}?",
        "Count the cases that fit {c}.",
              a=people[0], b=people[1], c=people[2])
    return Problem("truth_tellers", " ".join([opening, *words.shuffled(spoken), ask]), tuple(steps), str(len(good)))


def walk(words: Draw, numbers: Draw) -> Problem:
    """Moves on a grid; the final square is asked."""
    who = words.pick([f"The {words.pick(COLOURS)} {words.pick(ANIMALS)}", words.pick(NAMES),
        f"A {words.pick(ANIMALS)}"])
    x, y = numbers.between(0, 40), numbers.between(0, 40)
    start, moves, steps = (x, y), [], [f"start at ({x}, {y})."]
    for _ in range(words.between(4, 7)):
        side, n = words.pick(("north", "south", "east", "west")), numbers.between(2, 29)
        x += n * ((side == "east") - (side == "west"))
        y += n * ((side == "north") - (side == "south"))
        moves.append(say(words, "{n} {side}", "{n} squares {side}", "{side} by {n}", "{n} to the {side} past {place}",
            n=n, side=side,
                         place=words.pick(PLACES)))
        steps.append(say(words, "{n} {side} leads to ({x}, {y}).", "moving {side} by {n}: ({x}, {y}).",
            "({x}, {y}) after {n} {side}.",
                         n=n, side=side, x=x, y=y))
    question = say(words, "{who} stands at ({a}, {b}) and goes {moves}. Where does the walk end?",
                   "From square ({a}, {b}), {who} moves {moves}. Which square is reached?",
                   "{who} wanders on a grid: from ({a}, {b}), {moves}. Give the last square.", who=who, a=start[0],
                   b=start[1],
                   moves=", then ".join(moves))
    return Problem("walk", question, tuple(steps), f"({x}, {y})")


def swaps(words: Draw, numbers: Draw) -> Problem:
    """Objects in a row change places; who holds what at the end is asked."""
    people = words.sample(NAMES, words.between(3, 5))
    held = [f"the {c} {t}" for c, t in zip(words.sample(COLOURS, len(people)), words.sample(ANIMALS, len(people)),
        strict=True)]
    now = dict(zip(people, held, strict=True))
    opening = "; ".join(say(words, "{p} holds {h}", "{p} has {h}", "{h} is with {p}", p=p, h=h) for p, h in now.items())
    lines, steps = [], []
    for _ in range(words.between(3, 6)):
        a, b = words.sample(people, 2)
        now[a], now[b] = now[b], now[a]
        lines.append(say(words, "{t}, {a} and {b} swap.", "{a} trades with {b} at {place}.",
            "Then {a} and {b} exchange toys.",
                         "{kin} makes {a} and {b} change.", t=words.pick(TIMES), a=a, b=b, place=words.pick(PLACES),
                         kin=words.pick(KIN)))
        steps.append(say(words, "{a} gets {x} and {b} gets {y}.", "now {x} is with {a}, {y} with {b}.", a=a, b=b,
            x=now[a], y=now[b]))
    asked = words.pick(people)
    steps.append(f"at the end {asked} has {now[asked]}.")
    ask = say(words, "What does {p} hold in the end?", "Which toy is left with {p}?", "At the close, what has {p}?",
        p=asked)
    return Problem("swaps", " ".join([capital(opening) + ".", *map(capital, lines), ask]), tuple(steps), now[asked])


def calendar(words: Draw, numbers: Draw) -> Problem:
    """Days counted on from a weekday, over several events."""
    day, name = words.between(0, 6), words.pick(NAMES)
    index, lines, steps = day, [], []
    for _ in range(words.between(2, 4)):
        n = numbers.between(8, 160)
        after = (index + n) % 7
        event = words.pick(("a visit to {p}", "the harvest at {p}", "a race past {p}", "repairs of {p}",
            "an exam at {p}")).format(p=words.pick(PLACES))
        lines.append(say(words, "{n} days later comes {e}.", "After another {n} days there is {e}.",
            "{e} follows {n} days on.",
                         "Then {name} waits {n} days for {e}.", n=n, e=event, name=name))
        steps.append(say(words, "{n} = 7 * {q} + {r}, so count {r} on from day {i}.",
            "{n} leaves {r} after {q} whole weeks, from day {i}.",
                         "add {r} to day {i}, since {n} mod 7 is {r}.",
                         n=n, q=n // 7, r=n % 7, i=index + 1))
        index = after
    steps.append(say(words, "so {n} ends on day {i}.", "this is day {i} of the week.",
        "the diary of {n} says day {i}.", n=name, i=index + 1))
    question = " ".join([say(words, "It is {d} and {name} opens a diary.", "{name} sets out on a {d}.",
        d=WEEKDAYS[day], name=name),
                         *map(capital, lines), say(words, "Which weekday is that, asks {k}, with Monday as 1?",
                                                     "Give {name} its weekday as a number (Monday is 1).",
                                                     "Counting Monday as 1, which weekday has {name} reached?",
                                                     name=name,
                                                     k=words.pick(KIN))])
    return Problem("calendar", question, tuple(steps), str(index + 1))


def common_divisor(words: Draw, numbers: Draw) -> Problem:
    """Euclid's algorithm behind a story of equal heaps."""
    base, a, b = numbers.between(3, 60), numbers.between(11, 90), numbers.between(5, 80)
    left, right = base * a, base * b
    one, two = words.sample(THINGS, 2)
    question = say(words, "{n} has {l} {one} and {r} {two} for {place}, to be heaped evenly by {kin}.",
                   "At {place}, {l} {one} and {r} {two} fill equal rows for {n}, nothing to spare.",
                   "A {j} named {n} shares {l} {one} and {r} {two} among guests at {place}, all alike.",
                   n=words.pick(NAMES), l=left,
                   r=right, one=one, two=two, place=words.pick(PLACES), j=words.pick(JOBS), kin=words.pick(KIN))
    ask = say(words, "What is the largest number possible?", "At most how many for {k}?",
        "Find the greatest such number.", "{t}, {k} asks how many at most.",
              t=words.pick(TIMES), k=words.pick(KIN))
    steps, x, y = [say(words, "the divisor of {l} {one} and {r} {two} is sought.", "this is gcd({l}, {r}).", l=left,
        r=right, one=one, two=two)], left, right
    while y:
        steps.append(say(words, "{x} mod {y} = {z}.", "{x} = {q} * {y} + {z}.", "dividing {x} by {y} leaves {z}.", x=x,
            y=y, z=x % y, q=x // y))
        x, y = y, x % y
    return Problem("common_divisor", f"{question} {ask}", tuple(steps), str(gcd(left, right)))


def sorting(words: Draw, numbers: Draw) -> Problem:
    """Selection sort traced swap by swap; how many swaps is asked."""
    values = [numbers.between(2, 99) for _ in range(words.between(5, 8))]
    question = say(words, "{n} sorts {t}: {v}. Each turn brings the least of the rest forward, {when}.",
                   "At {place} the {t} are marked {v}. {n} runs selection sort over them {when}.",
                   "Selection sort by {n} on {v}, the tags of some {t}.", when=words.pick(TIMES).lower(),
                   n=words.pick(NAMES), t=words.pick(THINGS),
                   v=", ".join(map(str, values)), place=words.pick(PLACES))
    ask, swapped, steps = say(words, "How many swaps are made?", "Count the swaps for {k}.",
        "How many swaps does {k} see?", k=words.pick(KIN)), 0, []
    row = list(values)
    for i in range(len(row) - 1):
        j = min(range(i, len(row)), key=lambda k: (row[k], k))
        if j != i:
            row[i], row[j], swapped = row[j], row[i], swapped + 1
            steps.append(say(words, "swap {a} and {b}: {r}.", "{a} goes to place {i}, giving {r}.", a=row[i], b=row[j],
                i=i + 1,
                             r=", ".join(map(str, row))))
    steps.append(say(words, "that was {n} in all.", "the row is sorted after {n}.", n=swapped))
    return Problem("sorting", f"{question} {ask}", tuple(steps), str(swapped))


def deduction(words: Draw, numbers: Draw) -> Problem:
    """A chain of invented classes; whether a conclusion follows is asked."""
    kinds, name = words.sample(NONSENSE, words.between(4, 6)), words.pick(NAMES)
    links = list(pairwise(kinds))
    quality, follows = words.pick(COLOURS), words.chance(0.6)
    facts = [say(words, "All {a} are {b}.", "Every one of the {a} belongs to the {b}.",
        "Whatever is among {a} is among {b}, {kin} explains.",
                 "At {place} it is said that {a} are {b}.", a=a, b=b, kin=words.pick(KIN),
                 place=words.pick(PLACES)) for a, b in links]
    facts.append(say(words, "All {z} are {q}.", "No {z} is anything but {q}.", z=kinds[-1], q=quality))
    member = kinds[0] if follows else words.pick([k for k in NONSENSE if k not in kinds])
    facts.append(say(words, "{n} has one of the {m}.", "{n} keeps a pet from the {m}.",
        "The pet of {n} comes from the {m}.", n=name, m=member))
    steps = [f"the pet of {name} is one of the {member}."]
    if follows:
        steps += [say(words, "{a} are {b}, so it is one of the {b}.", "as {a} are {b}, it is among {b}.", a=a,
            b=b) for a, b in links]
        steps.append(f"{kinds[-1]} are {quality}, so it is {quality}.")
    else:
        steps.append(say(words, "nothing is said of {m}.", "no line tells what {m} are.",
            "about {m} we learn nothing from {n}.", m=member, n=name))
        steps.append(say(words, "whether it is {q} stays open.", "{n} may own a {q} one or not.", q=quality, n=name))
    ask = say(words, "Must the pet be {q}?", "Does it follow that the pet of {n} is {q}?",
        "Is it certain that this pet is {q}?", q=quality, n=name)
    return Problem("deduction", " ".join([*words.shuffled(facts), ask]), tuple(steps), "yes" if follows else "no")


FAMILIES = (order, truth_tellers, walk, swaps, calendar, common_divisor, sorting, deduction)
