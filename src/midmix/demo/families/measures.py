"""Word problems about money, time, length and rates."""

from __future__ import annotations

from midmix.demo.draw import Draw
from midmix.demo.problem import Problem, capital, say
from midmix.demo.wording import COLOURS, JOBS, KIN, NAMES, PLACES, THINGS, TIMES, WEEKDAYS

# fmt: off
# Phrasings of one sentence stand side by side; one a line would hide the sentence.


def shopping(words: Draw, numbers: Draw) -> Problem:
    """Several items at a price, paid with more than they cost; the change is asked."""
    name = words.pick(NAMES)
    bought = words.sample(THINGS, words.between(2, 4))
    amounts = [(numbers.between(2, 19), numbers.between(2, 45)) for _ in bought]
    total = sum(count * price for count, price in amounts)
    paid = total + numbers.between(3, 97)
    money = words.pick(("dollars", "euros", "crowns", "pounds", "francs", "pesos"))
    facts = [
        say(words, "{n} {c} {t} cost {p} {m} each.", "The {c} {t} are {p} {m} apiece, and {n} are bought.",
            "{who} wants {n} {t} in {c} at {p} {m} for one.", "{n} {t} ({c} ones) go into the bag at {p} {m} each.",
            n=n, t=t, p=p, m=money, c=words.pick(COLOURS), who=name)
        for t, (n, p) in zip(bought, amounts, strict=True)
    ]
    steps = [
        say(words, "the {t} cost {n} * {p} = {v} {m}.", "{n} * {p} = {v} for the {t}.",
        "{who} pays {n} * {p} = {v} {m} for {t}.",
            n=n, p=p, v=n * p, t=t, m=money, who=name)
        for t, (n, p) in zip(bought, amounts, strict=True)
    ]
    sums = " + ".join(str(n * p) for n, p in amounts)
    steps.append(say(words, "together that is {s} = {v}.", "the bill comes to {s} = {v} {m}.", s=sums, v=total,
        m=money))
    steps.append(say(words, "the change is {a} - {b} = {c} {m}.", "{who} gets back {a} - {b} = {c}.", a=paid, b=total,
        c=paid - total,
                     m=money, who=name))
    opening = say(words, "{when}, {who} goes shopping at {place}.", "{who} visits {place} with a list from {kin}.",
                  "At {place}, {who} is buying for {kin}.", when=words.pick(TIMES), who=name, place=words.pick(PLACES),
                  kin=words.pick(KIN))
    ask = say(words, "{who} pays with {a} {m}; how much change is due?", "How many {m} come back from {a}?",
              "If {who} hands over {a} {m}, what is returned?", who=name, a=paid, m=money)
    return Problem("shopping", " ".join([opening, *words.shuffled(facts), ask]), tuple(steps), str(paid - total))


def journey(words: Draw, numbers: Draw) -> Problem:
    """Legs of a trip at different speeds with stops; total distance or time is asked."""
    name = words.pick(NAMES)
    vehicles = words.sample(("bicycle", "tram", "canoe", "scooter", "horse cart", "bus", "sailing boat", "night train",
        "van"), 3)
    legs = [(vehicle, numbers.between(4, 90), numbers.between(2, 9)) for vehicle in vehicles[: words.between(2, 3)]]
    facts, steps = [], []
    for vehicle, speed, hours in legs:
        slots = {"name": name, "v": vehicle, "s": speed, "h": hours, "place": words.pick(PLACES), "d": speed * hours}
        facts.append(say(words, "By {v} {name} covers {s} km an hour for {h} hours, as far as {place}.",
                         "The {v} takes {h} hours at {s} km/h and stops at {place}.",
                         "For {h} hours {name} goes by {v} ({s} km per hour), passing {place}.", **slots))
        steps.append(say(words, "the {v} covers {s} * {h} = {d} km.", "{s} * {h} = {d} km by {v}.",
                         "by {v}, {name} goes {s} * {h} = {d} km.", **slots))
    total = sum(speed * hours for _, speed, hours in legs)
    steps.append(f"the whole way is {' + '.join(str(s * h) for _, s, h in legs)} = {total} km.")
    opening = say(words, "{name}, a {job}, sets out from {place}.", "{when}, {name} leaves {place} to see {kin}.",
        name=name,
                  job=words.pick(JOBS), place=words.pick(PLACES), when=words.pick(TIMES), kin=words.pick(KIN))
    ask = say(words, "How long is the way of {name}?", "How many kilometres does {name} travel?",
        "What distance is that, asks {kin}?", name=name,
              kin=words.pick(KIN))
    return Problem("journey", " ".join([opening, *facts, ask]), tuple(steps), f"{total}")


def production(words: Draw, numbers: Draw) -> Problem:
    """Workers or machines with an hourly rate, some of the output is spoiled."""
    name, things, job = words.pick(NAMES), words.pick(THINGS), words.pick(JOBS)
    crew, rate, hours = numbers.between(3, 16), numbers.between(4, 35), numbers.between(3, 11)
    made = crew * rate * hours
    bad = numbers.between(2, made // 4)
    slots = {"name": name, "things": things, "job": job, "crew": crew, "rate": rate, "hours": hours, "bad": bad,
        "made": made,
             "place": words.pick(PLACES), "day": words.pick(WEEKDAYS), "colour": words.pick(COLOURS),
             "per": crew * rate}
    question = " ".join((
        say(words, "{name} leads {crew} people who make {colour} {things} near {place}.",
            "In a workshop beside {place}, {crew} machines turn out {colour} {things}.",
            "The {job} {name} hires {crew} helpers to finish {things} for {place}.", **slots),
        say(words, "Each makes {rate} an hour, and on {day} they work {hours} hours.",
        "On {day} every one of them does {rate} per hour for {hours} hours.",
            "The rate is {rate} an hour for each; {day} has {hours} working hours.", **slots),
        say(words, "{bad} turn out cracked.", "Of these, {bad} fail the check by {name}.",
        "A careless {job} ruins {bad}.", **slots),
        say(words, "How many good {things} are there?", "How many {things} can be sold?",
        "Count the {things} without a fault.", **slots),
    ))
    steps = (
        say(words, "in one hour they make {crew} * {rate} = {per} {things}.", "{crew} * {rate} = {per} an hour.",
        **slots),
        say(words, "over {hours} hours that is {per} * {hours} = {made}.",
        "{day} gives {per} * {hours} = {made} {things}.", **slots),
        say(words, "{made} - {bad} = {good} are good.",
        "without the {bad} spoiled, {made} - {bad} = {good} {things} are left.",
            good=made - bad, **slots),
    )
    return Problem("production", question, steps, str(made - bad))


def plot(words: Draw, numbers: Draw) -> Problem:
    """A rectangle with a path, fence or cost per metre."""
    name, place = words.pick(NAMES), words.pick(PLACES)
    long, wide = numbers.between(20, 95), numbers.between(6, 19)
    price, gate = numbers.between(3, 28), numbers.between(2, 5)
    fence = 2 * (long + wide) - gate
    slots = {"name": name, "place": place, "when": words.pick(TIMES), "l": long, "w": wide, "p": price, "g": gate,
        "kin": words.pick(KIN), "f": fence,
             "what": words.pick(("a meadow", "a vegetable bed", "a courtyard", "a playground", "an orchard",
             "a paddock", "a car park")),
             "stuff": words.pick(("wire", "hedge", "willow fence", "brick wall", "oak fence", "netting"))}
    question = " ".join((
        say(words, "Behind {place} lies {what}, {l} m long and {w} m wide, owned by {name}.",
            "{name} measures {what} near {place}: {l} m by {w} m.",
            "With {kin}, {name} lays out {what} of {l} by {w} metres.", **slots),
        say(words, "Its edge gets {stuff}, says {kin}, but for a gate of {g} m.",
        "{name} puts {stuff} around it, with a {g} m gate.",
            "{when} {stuff} closes it off; {g} m stay free for {kin}.", **slots),
        say(words, "A metre costs {p}; what will {kin} be charged?", "At {p} per metre, what does {name} pay?",
            "How much is the {stuff} at {p} for each metre?", **slots),
    ))
    steps = (
        say(words, "the edge is 2 * ({l} + {w}) = {e} m.", "going round takes 2 * ({l} + {w}) = {e} metres.",
        e=fence + gate, **slots),
        say(words, "{name} needs {e} - {g} = {f} m of {stuff}.", "{e} - {g} = {f} m without the gate.",
        "less the gate it is {e} - {g} = {f} m.", e=fence + gate, **slots),
        say(words, "{f} * {p} = {c}.", "{name} pays {f} * {p} = {c}.", "the {stuff} costs {f} * {p} = {c}.",
        c=fence * price, **slots),
    )
    return Problem("plot", capital(question), steps, str(fence * price))


def savings(words: Draw, numbers: Draw) -> Problem:
    """Weekly earnings less costs towards a goal; the number of weeks is asked."""
    name, thing = words.pick(NAMES), words.pick(("a kayak", "a telescope", "a sewing machine", "a cello", "a tent",
        "a drone", "a loom"))
    earn, spend, weeks = numbers.between(45, 99), numbers.between(10, 40), numbers.between(4, 30)
    start = numbers.between(12, 90)
    goal = start + (earn - spend) * weeks
    slots = {"name": name, "thing": thing, "earn": earn, "spend": spend, "start": start, "goal": goal,
        "net": earn - spend,
             "kin": words.pick(KIN), "place": words.pick(PLACES), "job": words.pick(JOBS), "weeks": weeks,
             "day": words.pick(WEEKDAYS)}
    question = " ".join((
        say(words, "{name} is saving for {thing} that costs {goal}.",
        "For {thing}, {place} asks {goal}, and {name} wants it.",
            "The price of {thing} at {place} is {goal}; {name} would like one.", **slots),
        say(words, "There are {start} in the jar already.", "{kin} gave {start} to begin with.",
        "So far {name} has {start}.", **slots),
        say(words, "Helping a {job} every {day} brings {earn}, of which {spend} go on food and fares.",
            "Each week {earn} come in from work for a {job}, but {spend} are spent.",
            "{name} earns {earn} a week as a {job} and pays {spend} to {kin}.", **slots),
        say(words, "After how many weeks can {kin} cheer?", "How many weeks does {name} need?",
        "How long, in weeks, until {name} can buy {thing}?", **slots),
    ))
    steps = (
        say(words, "still missing are {goal} - {start} = {m}.", "{name} needs {goal} - {start} = {m} more.",
        m=goal - start, **slots),
        say(words, "each week adds {earn} - {spend} = {net}.", "{earn} - {spend} = {net} are put by every {day}.",
        **slots),
        say(words, "{m} / {net} = {weeks} weeks.", "it takes {m} / {net} = {weeks}.", m=goal - start, **slots),
    )
    return Problem("savings", question, steps, str(weeks))


def ages(words: Draw, numbers: Draw) -> Problem:
    """Ages now and some years on."""
    first, second, third = words.sample(NAMES, 3)
    young, factor, years, older = numbers.between(5, 17), numbers.between(2, 4), numbers.between(2,
        15), numbers.between(2, 22)
    middle = young * factor
    old = middle + older
    total = young + middle + old + 3 * years
    slots = {"a": first, "b": second, "c": third, "y": young, "k": factor, "n": years, "o": older, "m": middle,
        "z": old,
             "job": words.pick(JOBS), "other": words.pick(JOBS), "place": words.pick(PLACES)}
    facts = [
        say(words, "{a}, whom all know at {place}, is {y} years old.", "{a} turned {y} at {place}.",
        "The youngest, {a}, is {y}.", **slots),
        say(words, "{b} the {job} is {k} times as old as {a}.", "The {job} {b} has {k} times the age of {a}.", **slots),
        say(words, "{c} is {o} years older than {b}.", "{c}, who is a {other}, was born {o} years before {b}.",
        **slots),
    ]
    ask = say(words, "What will their ages add up to in {n} years?",
        "In {n} years, what do {a}, {b} and {c} add up to?",
              "Add their ages as they will be {n} years from now.", **slots)
    steps = (
        say(words, "{b} is {k} * {y} = {m}.", "{k} * {y} = {m} is the age of {b}.", **slots),
        say(words, "{c} is {m} + {o} = {z}.", "{m} + {o} = {z} for {c}.", **slots),
        say(words, "today the sum is {y} + {m} + {z} = {s}.", "{y} + {m} + {z} = {s} at present.",
        s=young + middle + old, **slots),
        say(words, "three people gain 3 * {n} = {g}, so {s} + {g} = {t}.", "each adds {n}: {s} + {g} = {t}.",
        s=young + middle + old,
            g=3 * years, t=total, **slots),
    )
    return Problem("ages", " ".join([*words.shuffled(facts), ask]), steps, str(total))


def percent(words: Draw, numbers: Draw) -> Problem:
    """A price that is cut and then raised by percentages that come out even."""
    name, thing, place = words.pick(NAMES), words.pick(THINGS), words.pick(PLACES)
    base, cut, more = 400 * numbers.between(2, 24), 5 * numbers.between(2, 9), 5 * numbers.between(2, 9)
    low = base * (100 - cut) // 100
    high = low + low * more // 100
    slots = {"name": name, "t": thing, "place": place, "base": base, "cut": cut, "more": more, "low": low, "high": high,
             "x": words.pick(TIMES), "y": words.pick(TIMES), "kin": words.pick(KIN), "off": base - low,
             "up": high - low}
    question = " ".join((
        say(words, "A load of {t} at {place} is priced at {base}.",
        "{name} asks {base} for a truck of {t} near {place}.",
            "{kin} offers {t} worth {base} at {place}.", **slots),
        say(words, "{x} the price falls by {cut} percent.", "{x}, {name} takes {cut}% off.",
        "{cut} percent are knocked off for {kin}.", **slots),
        say(words, "{y} it climbs by {more} percent, rounded down.", "Then {more}% (rounded down) are added by {kin}.",
            "{kin} and {name} then put {more}%, rounded down, on top.", **slots),
        say(words, "What does {kin} pay for the {t}?", "What does {name} see on the label?", "What is the last price?",
        **slots),
    ))
    steps = (
        say(words, "{cut}% of {base} is {off}.", "the cut is {base} * {cut} / 100 = {off}.", **slots),
        say(words, "{base} - {off} = {low}.", "so the {t} cost {base} - {off} = {low}.", **slots),
        say(words, "{more}% of {low}, rounded down, is {up}.", "{low} * {more} / 100 rounds down to {up}.", **slots),
        say(words, "{low} + {up} = {high}.", "the price ends at {low} + {up} = {high}.", **slots),
    )
    return Problem("percent", capital(question), steps, str(high))


FAMILIES = (shopping, journey, production, plot, savings, ages, percent)
