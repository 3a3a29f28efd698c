"""What becomes of a word problem when it is copied: rewrites of text, each by a generator of its own.

They know what people and pages do to a text, and nothing of how leaks are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

Rewrite = Callable[[str, Random], str | None]

FIRST_NAMES = frozenset(
    """Aaron Abby Adam Adrian Alan Albert Alex Alexa Alice Allison Amanda Amy Andrea Andrew Andy Angela Ann Anna Anne
    Annie Anthony Ashley Barbara Ben Benjamin Beth Betty Bill Billy Bob Bobby Brad Brandon Brenda Brian Bruce Caleb Carl
    Carla Carlos Carol Caroline Cathy Charles Charlie Chloe Chris Christina Christine Cindy Claire Clara Cody Colin
    Connor Craig Crystal Cynthia Daisy Dan Daniel Danny Darryl Dave David Dean Debbie Deborah Dennis Derek Diana Diane
    Donald Donna Doris Dorothy Doug Dylan Ed Eddie Edward Elaine Eli Elizabeth Ella Ellen Emily Emma Eric Erica Erin Ethan
    Evan Eve Fiona Frank Fred Gabriel Gary George Gerald Gina Gloria Gordon Greg Hannah Harold Harry Heather Heidi Helen
    Henry Howard Ian Isaac Isabella Ivan Jack Jackson Jacob Jake James Jamie Jane Janet Janice Jared Jason Jay Jean Jeff
    Jen Jennifer Jenny Jeremy Jerry Jessica Jessie Jill Jim Jimmy Joan Joe Joel John Johnny Jonathan Jordan Jose Joseph
    Josh Joshua Joyce Juan Judy Julia Julie Justin Karen Karl Kate Katherine Kathy Katie Keith Kelly Ken Kenneth Kevin Kim
    Kyle Lance Larry Laura Lauren Lawrence Leah Leo Leonard Leslie Lily Linda Lisa Logan Lori Lucas Lucy Luke Lydia Lynn
    Madison Marcus Margaret Maria Marie Marissa Martha Martin Marvin Mary Mason Matt Matthew Megan Melanie Melissa Mia
    Michael Michelle Miguel Mike Molly Monica Nancy Natalie Nathan Ned Neil Nicholas Nick Nicole Nina Noah Nora Oliver
    Olivia Oscar Pam Pamela Patricia Patrick Paul Paula Peggy Pete Peter Phil Philip Rachel Ralph Randy Ray Raymond
    Rebecca Rick Rita Rob Robert Roger Ron Ronald Rosa Ross Roy Russell Ruth Ryan Sally Sam Samantha Samuel Sandra Sara
    Sarah Scott Sean Seth Shane Sharon Shawn Sheila Sheldon Shelly Simon Sofia Sophia Sophie Stacy Stan Stella Stephanie
    Stephen Steve Steven Stuart Sue Susan Suzy Sylvia Tammy Tanya Tara Ted Teresa Terry Theresa Thomas Tiffany Tim
    Timothy Tina Toby Todd Tom Tommy Tony Tracy Travis Trevor Troy Tyler Valerie Vanessa Vera Victor Victoria Vincent
    Virginia Walter Wanda Wayne Wendy William Willie Zach Zachary Zoe""".split()
)
NO_NAMES = frozenset(
    """Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August
    September October November December Christmas Halloween Thanksgiving Easter English French Spanish American The A An
    How What If When Each Every He She They It His Her Their In On At For""".split()
)
OTHER_NAMES = """Adaeze Akira Anselm Bartek Basira Bohdan Cemile Chidi Dagny Desta Eluned Emeka Farida Feodor Gudrun
Hamza Hiroko Ilse Imani Jacinta Jarmila Kwabena Leofric Lucija Marit Milos Nadeem Nkechi Oluwaseun Ottoline Pilar
Priyanka Quirin Radmila Rashida Saoirse Sindri Tadeusz Thandiwe Ulrike Vesna Wilhelmina Xiomara Yevgenia Zbigniew""".split()
THINGS = """eggs apples oranges books pencils pens cars dogs cats cookies cakes muffins shirts shoes pizzas flowers trees
toys marbles candies house school store shop farm bags boxes boys girls children students friends brother sister mother
father ducks chickens cows sheep horses bread milk water juice cups glasses bottles pages chairs tables tickets movies
games balloons stickers cards stamps coins bananas grapes pies fish birds cupcakes sandwiches hours miles gallons""".split()
OTHER_THINGS = """lanterns crates violins turnips kettles pigeons saddles walnuts ribbons barrels anvils magnets canoes
blankets spoons helmets ladders tulips goblets tapestries cobblers orchards quarries harbors abacuses trombones
parsnips otters lizards hammocks""".split()
NUMERALS = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety""".split()
FILLERS = "really just also exactly then actually perhaps usually indeed simply".split()
_NUMBER = re.compile(r"\d[\d,]*\d|\d")
_NUMERAL = re.compile(rf"\b({'|'.join(NUMERALS)})\b")


def as_it_is(text: str, draw: Random) -> str:
    return text


def whitespace(text: str, draw: Random) -> str:
    """Other white space between the words, and most often another case."""
    cased = draw.choice((str.upper, str.lower, str.title, str))(text)
    return re.sub(" +", lambda _: draw.choice((" ", "  ", "\n", " \t", "\n\n")), cased)


def first_part(text: str, draw: Random) -> str:
    words = text.split(" ")
    return " ".join(words[: round(len(words) * 0.6)])


def last_part(text: str, draw: Random) -> str:
    words = text.split(" ")
    return " ".join(words[-round(len(words) * 0.6) :])


def _people(text: str) -> list[str]:
    inside = set(re.findall(r"(?<=[a-z,;] )([A-Z][a-z]{2,})\b", text)) - NO_NAMES
    return sorted(inside | (FIRST_NAMES & set(re.findall(r"\b[A-Z][a-z]+\b", text))))


def _renamed(text: str, draw: Random, things: bool) -> str | None:
    people = _people(text)
    if not people or len(people) > len(OTHER_NAMES):
        return None
    other = dict(zip(people, draw.sample(OTHER_NAMES, len(people)), strict=True))
    if things:
        there = [thing for thing in THINGS if re.search(rf"\b{thing}\b", text)]
        chosen = draw.sample(there, min(len(there), 4))
        if not chosen:
            return None
        other |= dict(zip(chosen, draw.sample(OTHER_THINGS, len(chosen)), strict=True))
    return re.sub("[A-Za-z]+", lambda word: other.get(word.group(), word.group()), text)


def names(text: str, draw: Random) -> str | None:
    """Other people; None where no one is named."""
    return _renamed(text, draw, things=False)


def names_nouns(text: str, draw: Random) -> str | None:
    """Other people, and up to four other things; None where there is neither."""
    return _renamed(text, draw, things=True)


def _another(number: int, draw: Random) -> int:
    while (other := draw.randint(max(1, number // 2), number * 2 + 5)) == number:
        pass
    return other


def numbers(text: str, draw: Random) -> str | None:
    """Every number another one, written as digits or as a word; None where there is none."""
    changed = _NUMBER.sub(lambda found: str(_another(int(found.group().replace(",", "")), draw)), text)
    changed = _NUMERAL.sub(lambda found: draw.choice([word for word in NUMERALS if word != found.group()]), changed)
    return changed if changed != text else None


def one_number(text: str, draw: Random) -> str | None:
    """One of at least two numbers written in digits another one."""
    found = list(_NUMBER.finditer(text))
    if len(found) < 2:
        return None
    place = draw.choice(found)
    return text[: place.start()] + str(_another(int(place.group().replace(",", "")), draw)) + text[place.end() :]


def names_numbers(text: str, draw: Random) -> str | None:
    """Other people, things and numbers."""
    changed = numbers(text, draw)
    return None if changed is None else names_nouns(changed, draw)


def digits_to_words(text: str, draw: Random) -> str | None:
    """Small whole numbers as words."""
    words = {str(number): word for number, word in enumerate(NUMERALS[:19], 2)} | {"30": "thirty", "40": "forty"}
    changed = re.sub(r"(?<![\d.,$])\d+(?![\d.,%])", lambda found: words.get(found.group(), found.group()), text)
    return changed if changed != text else None


def dropped_words(text: str, draw: Random) -> str:
    """A tenth of the words left out."""
    return " ".join(word for word in text.split(" ") if draw.random() > 0.1)


def inserted_words(text: str, draw: Random) -> str:
    """A filler after a tenth of the words."""
    return " ".join(f"{word} {draw.choice(FILLERS)}" if draw.random() < 0.1 else word for word in text.split(" "))


def shuffled_sentences(text: str, draw: Random) -> str | None:
    """The sentences in another order; None where there is one alone."""
    sentences = re.split(r"(?<=[.?!])\s+", text.strip())
    if len(sentences) < 2:
        return None
    while (other := draw.sample(sentences, len(sentences))) == sentences and len(set(sentences)) > 1:
        pass
    return " ".join(other)


def markdown(text: str, draw: Random) -> str:
    """A quoted block under a heading, some words in bold or italics."""
    words = text.split(" ")
    for place in draw.sample(range(len(words)), max(1, len(words) // 12)):
        mark = draw.choice(("**", "*", "_", "`"))
        words[place] = f"{mark}{words[place]}{mark}"
    return (
        f"### Problem {draw.randint(1, 99)}\n\n> "
        + " ".join(words).replace(". ", ".\n> ")
        + "\n\n**Solution.** See below."
    )


def html(text: str, draw: Random) -> str:
    """Paragraphs with tags and entities."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", "’": "&rsquo;", "é": "&eacute;"}
    words = "".join(entities.get(letter, letter) for letter in text).split(" ")
    for place in draw.sample(range(len(words)), max(1, len(words) // 10)):
        words[place] = draw.choice(('<b class="x">{}</b>', "<em>{}</em>", '<a href="/w">{}</a>')).format(words[place])
    return '<div class="problem"><p>' + " ".join(words).replace(". ", ".</p>\n<p>") + "</p></div>"


def without_calculator(text: str, draw: Random) -> str:
    """A solution without its calculator marks, as it is shown to people."""
    return re.sub(r"<<[^>]*>>", "", text).replace("####", draw.choice(("The answer is", "Answer:", "So:")))
