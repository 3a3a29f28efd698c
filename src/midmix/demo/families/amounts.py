"""Word problems about how many: stocks that change, groups, shares, comparisons."""

from __future__ import annotations

from midmix.demo.draw import Draw
from midmix.demo.problem import Problem, capital, say
from midmix.demo.wording import CONTAINERS, FRACTIONS, KIN, NAMES, PLACES, THINGS, TIMES

# fmt: off
# Phrasings of one sentence stand side by side; one a line would hide the sentence.

_GAIN = (
    "{when}, {name} gets {n} more from {kin}.", "{when} {kin} brought {n} {things} for {name}.",
    "{name} picked up {n} extra {things} at {place}.", "{when}, another {n} arrive in a parcel sent by {kin}.",
    "At {place}, {name} wins {n} {things} in a raffle.", "{kin} added {n} to the pile {when}.",
)
_LOSE = (
    "{when}, {name} hands {n} of them to {kin}.", "{n} {things} broke on the way to {place}.",
    "{name} sold {n} at {place}.", "{when} {kin} borrows {n} {things} and keeps them.",
    "A strong wind carries off {n} of the {things} near {place}.", "{when}, {n} go missing.",
)
_GROW = (
    "{when}, the number of {things} grows to {k} times what it was.", "Then {kin} multiplies the collection by {k}.",
    "At {place} the stock becomes {k} times as large {when}.", "{name} trades every one for {k} {things} at {place}.",
)
_ASK_LEFT = (
    "How many {things} does {name} have now?", "What number of {things} is left with {name}?",
    "Count the {things} that {name} holds at the end.", "How many are there in the end?",
    "With how many {things} does {name} finish?", "Find how many {things} remain for {name}.",
)


def stock(words: Draw, numbers: Draw) -> Problem:
    """A count that goes up and down in three to six events."""
    name, things = words.pick(NAMES), words.pick(THINGS)
    count = numbers.between(40, 400)
    question = [
        say(words, "{name} starts with {n} {things} at {place}.",
        "There were {n} {things} in the store of {name} at {place}.",
            "{name} owns {n} {things}, all kept at {place}.", "At {place}, {name} has counted {n} {things}.",
            name=name, n=count, things=things, place=words.pick(PLACES))
    ]
    steps = [say(words, "{name} begins with {n} {things}", "the count starts at {n}", "we have {n} {things} at first",
                 name=name, n=count, things=things) + "."]
    for _ in range(words.between(3, 5)):
        event = words.between(0, 4)
        phrasings: tuple[str, ...]
        slots = {"name": name, "things": things, "kin": words.pick(KIN), "place": words.pick(PLACES)}
        if event < 2:
            n, sign, phrasings = numbers.between(5, 180), "+", _GAIN
            after = count + n
        elif event < 4:
            n, sign, phrasings = numbers.between(2, max(3, count // 2)), "-", _LOSE
            after = count - n
        else:
            n, sign, phrasings = numbers.between(2, 4), "*", _GROW
            after = count * n
        line = say(words, *phrasings, n=n, k=n, when=words.pick(TIMES), **slots)
        question.append(capital(line))
        steps.append(say(words, "{a} {s} {n} = {b} {things}.", "{name} now has {a} {s} {n} = {b}.",
            "that makes {a} {s} {n} = {b}.",
                         "the new count is {a} {s} {n} = {b} {things}.", "work out {a} {s} {n}, which is {b}.",
                         a=count, s=sign, n=n, b=after, name=name, things=things))
        count = after
    question.append(say(words, *_ASK_LEFT, name=name, things=things))
    return Problem("stock", " ".join(question), tuple(steps), str(count))


def shared(words: Draw, numbers: Draw) -> Problem:
    """A total packed into equal containers, some of which are passed on."""
    name, other = words.sample(NAMES, 2)
    things, box = words.pick(THINGS), words.pick(CONTAINERS)
    boxes, each = numbers.between(6, 40), numbers.between(3, 60)
    given, loose = numbers.between(2, boxes - 2), numbers.between(2, 50)
    slots = {"name": name, "other": other, "things": things, "box": box, "boxes": boxes, "each": each, "given": given,
             "total": boxes * each + loose, "loose": loose, "place": words.pick(PLACES), "kin": words.pick(KIN),
             "when": words.pick(TIMES), "left": boxes - given}
    question = " ".join((
        say(words, "{name} has {total} {things} to pack for {place}.",
        "{total} {things} must leave {place} with {name}.",
            "A delivery of {total} {things} reaches {name} at {place}.", **slots),
        say(words, "After setting {loose} aside for {kin}, the rest fill {boxes} equal {box}.",
            "{loose} go to {kin}; what remains is split evenly over {boxes} {box}.",
            "First {loose} are kept back by {kin}, and {boxes} {box} take equal shares of the others.", **slots),
        say(words, "{when}, {other} collects {given} of the {box}.", "{given} {box} are then driven to {other}.",
            "{other} asks for {given} full {box} and gets them.", **slots),
        say(words, "How many {things} stay with {name}?", "How many packed {things} does {name} still have?",
            "What is the number of {things} in the {box} that {name} keeps?", **slots),
    ))
    kept = (boxes - given) * each
    steps = (
        say(words, "{total} - {loose} = {rest} {things} are packed.",
        "packing leaves {rest}, since {total} - {loose} = {rest}.",
            "{kin} took {loose}, so {total} - {loose} = {rest} remain.", rest=boxes * each, **slots),
        say(words, "each of the {box} holds {rest} / {boxes} = {each}.",
        "{rest} divided by {boxes} gives {each} {things} in one.",
            "one share is {rest} / {boxes} = {each} {things}.", rest=boxes * each, **slots),
        say(words, "{name} keeps {boxes} - {given} = {left} {box}.",
        "without those of {other}, {boxes} - {given} = {left} {box} stay.",
            **slots),
        say(words, "{left} * {each} = {kept} {things}.", "so {name} has {left} * {each} = {kept}.",
            "they hold {left} * {each} = {kept} {things} together.", kept=kept, **slots),
    )
    return Problem("shared", question, steps, str(kept))


def compared(words: Draw, numbers: Draw) -> Problem:
    """Several people, each with a count told against another's; the total is asked."""
    people = words.sample(NAMES, words.between(3, 5))
    things, verb = words.pick(THINGS), words.pick(("collected", "painted", "sold", "found", "carried", "repaired",
        "counted"))
    counts = [numbers.between(6, 60)]
    facts = [say(words, "{p} {verb} {n} {things} at {place}.", "At {place}, {p} {verb} {n} {things}.",
                 "It is known that {p} {verb} {n} {things}.", p=people[0], verb=verb, n=counts[0], things=things,
                 place=words.pick(PLACES))]
    steps = [f"{people[0]} {verb} {counts[0]}."]
    for person, before in zip(people[1:], people, strict=False):
        known, relation = counts[-1], words.between(0, 2)
        n = numbers.between(2, 5) if relation == 0 else numbers.between(2, max(3, known - 2) if relation == 1 else 70)
        value = (known * n, known - n, known + n)[relation]
        phrase = ("{n} times as many as {q}", "{n} fewer than {q}", "{n} more than {q}")[relation].format(n=n, q=before)
        facts.append(say(words, "{p} {verb} {phrase}.", "{when}, {p} {verb} {phrase}.", "As for {p}, it was {phrase}.",
                         "The count of {p} is {phrase}.", p=person, verb=verb, phrase=phrase, when=words.pick(TIMES)))
        steps.append(say(words, "{p} {verb} {a} {s} {n} = {v}.", "for {p} we get {a} {s} {n} = {v} {things}.",
                         "{a} {s} {n} = {v}, the share of {p}.", p=person, verb=verb, a=known, s="*-+"[relation], n=n,
                         v=value,
                         things=things))
        counts.append(value)
    total = sum(counts)
    steps.append(f"adding up, {' + '.join(map(str, counts))} = {total} {things}.")
    ask = say(words, "How many {things} is that in all?", "How many did they manage together?",
        "What is the total for all of them?",
              "Find the number of {things} that the whole group {verb}.", things=things, verb=verb)
    return Problem("compared", " ".join(words.shuffled(facts)) + " " + ask, tuple(steps), str(total))


def parts_of_group(words: Draw, numbers: Draw) -> Problem:
    """A group of which fractions go to different places; those left are asked."""
    (first, first_word), (second, second_word) = words.sample(FRACTIONS, 2)
    things, name = words.pick(THINGS), words.pick(NAMES)
    total = first * second * numbers.between(3, 30)
    one = total // first
    rest = total - one
    two = rest // second
    slots = {"name": name, "things": things, "total": total, "kin": words.pick(KIN), "place": words.pick(PLACES),
        "a": first_word,
             "b": second_word, "when": words.pick(TIMES), "other": words.pick(PLACES), "friend": words.pick(NAMES)}
    remainder = rest - two
    question = " ".join((
        say(words, "{name} brought {total} {things} to {place}.",
        "There are {total} {things} in the care of {name} at {place}.",
            "{when}, {name} unpacked {total} {things}.", **slots),
        say(words, "{kin} takes {a} of them.", "Exactly {a} of the {things} belong to {kin}.",
        "To {kin} goes {a} of this lot.", **slots),
        say(words, "Of those left, {b} (rounded down) go with {friend} to {other}.",
        "Then {b} of the rest, rounded down, is for {friend}.",
            "{name} leaves {b} of the others, rounded down, to {friend}.", **slots),
        say(words, "How many {things} remain with {name}?",
        "How many {things} are neither with {friend} nor with {kin}?",
            "What is left for {name}?", **slots),
    ))
    steps = (
        say(words, "{a} of {total} is {total} / {d} = {one}.", "{kin} gets {total} / {d} = {one} {things}.", d=first,
        one=one, **slots),
        say(words, "that leaves {total} - {one} = {rest} {things}.", "{total} - {one} = {rest} stay behind.", one=one,
        rest=rest, **slots),
        say(words, "{b} of {rest}, rounded down, is {two}.", "{friend} has {rest} / {d}, rounded down to {two}.",
        d=second, two=two,
            rest=rest, **slots),
        say(words, "{rest} - {two} = {last} {things} are left.", "{name} keeps {rest} - {two} = {last}.", rest=rest,
        two=two,
            last=remainder, **slots),
    )
    return Problem("parts_of_group", question, steps, str(remainder))


def ratio(words: Draw, numbers: Draw) -> Problem:
    """A total split in a given ratio between two or three people."""
    people = words.sample(NAMES, words.between(2, 3))
    things = words.pick((*THINGS, "coins", "points", "tickets", "litres of paint", "hectares"))
    shares = [numbers.between(2, 11) for _ in people]
    unit = numbers.between(3, 48)
    total, asked = unit * sum(shares), words.between(0, len(people) - 1)
    who, split = ", ".join(people[:-1]) + f" and {people[-1]}", " : ".join(map(str, shares))
    slots = {"who": who, "split": split, "total": total, "things": things, "one": people[asked],
        "place": words.pick(PLACES),
             "why": words.pick(("as their grandfather wished", "by the hours that they worked", "after a long debate",
             "by their ages",
                                "as the contract says", "in proportion to what they paid")), "when": words.pick(TIMES)}
    question = " ".join((
        say(words, "{who} divide {total} {things} in the ratio {split}, {why}.",
        "{when}, {total} {things} from {place} go to {who} as {split}.",
            "The {total} {things} kept at {place} are split {split} among {who}, {why}.", **slots),
        say(words, "How many go to {one}?", "What is the share of {one}?", "Find how much {one} receives.", **slots),
    ))
    steps = (
        say(words, "there are {sum} parts, as {parts} = {sum}.", "add the ratio: {parts} = {sum}.",
        parts=" + ".join(map(str, shares)),
            sum=sum(shares)),
        say(words, "one part is {total} / {sum} = {unit} {things}.", "{total} / {sum} = {unit} for a single part.",
        total=total,
            sum=sum(shares), unit=unit, things=things),
        say(words, "{one} receives {share} * {unit} = {result}.",
        "the {share} parts of {one} are {share} * {unit} = {result} {things}.",
            one=people[asked], share=shares[asked], unit=unit, result=shares[asked] * unit, things=things),
    )
    return Problem("ratio", question, steps, str(shares[asked] * unit))


FAMILIES = (stock, shared, compared, parts_of_group, ratio)
