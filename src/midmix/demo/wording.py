"""Word lists of the problem generator. Long lists, so that two problems rarely share a run of words."""

from __future__ import annotations

NAMES = tuple(
    """Aaliyah Abel Adaeze Adrian Agnes Ahmed Aiko Alana Alejandro Alina Amara Ambrose Amir Anaya Andrei Anneke Anton
    Anwen Arjun Astrid Athena Aurelio Ayesha Barnaby Beatriz Benedict Bianca Bogdan Brigitte Bruno Callum Camila Carlos
    Casper Cecilia Chidi Clara Clement Corinne Cyrus Dagny Dalia Damian Daphne Darius Deepa Delphine Desmond Diego Dmitri
    Dolores Dorian Edith Efrain Eleni Elias Eloise Emeka Emil Esther Ewan Fabian Farida Fatima Felix Fergus Fiona Flavio
    Florence Freya Gareth Genevieve Gideon Giulia Gloria Grigor Gustav Hamish Hana Harriet Hassan Hector Heidi Henrik
    Hilda Hiro Horace Ibrahim Ida Ignacio Imani Imogen Ingrid Isaac Ismael Ivana Jarek Jasmine Javier Jelena Jolanta Jonas
    Josephine Juma Kamal Kateryna Keiko Kenji Kofi Lamar Lars Leila Leonor Liam Linnea Lorenzo Lucia Ludwig Magnus Maisie
    Malik Marcela Marisol Mateo Matilda Maurice Meera Milan Minh Miriam Mohan Nadia Naomi Natalia Nikolai Niamh Noor Octavia
    Olga Omar Ondrej Oscar Otto Paloma Pascal Patience Pavel Petra Phoebe Pilar Priya Quentin Rachel Rafael Ramona Rashid
    Renata Rhiannon Roland Rosalind Ruben Sabine Salma Samir Saskia Selma Sergio Shanti Sienna Simon Solveig Stefan Sunita
    Svetlana Tabitha Tadeo Tamsin Tariq Teodora Theo Thora Tomas Ursula Vadim Valentina Vanya Vera Viktor Wanda Wilfred
    Winston Xenia Yannick Yara Yusuf Zahra Zelda Zoltan Zuri""".split()
)

THINGS = tuple(
    """acorns almonds apples badges bagels balloons batteries beads bells biscuits blankets bolts bookmarks books bottles
    bowls bracelets bricks brushes buttons cactuses candles cards carrots chairs cherries chestnuts clocks coasters coins
    comics cookies corks crayons cucumbers cups dumplings envelopes erasers fans feathers figs flags flowerpots folders
    forks gloves grapefruits hammers hats helmets hinges jars kites ladders lamps lanterns lemons letters magnets mangoes
    maps marbles markers masks matchboxes medals mirrors mugs muffins mushrooms nails napkins necklaces notebooks nuts
    olives onions oranges paddles pamphlets pancakes paperclips peaches pears pebbles pencils peppers pillows pinecones
    plates plums postcards posters potatoes puppets puzzles radishes ribbons ropes rulers sandwiches scarves screws
    seashells seedlings shells shirts skewers spools sponges spoons stamps stickers stones tangerines teabags tennis-balls
    thimbles tiles tomatoes towels trays trophies tulips turnips umbrellas vases whistles zippers""".split()
)

CONTAINERS = tuple(
    "baskets bags boxes bins buckets cartons cases chests crates drawers pouches sacks shelves tubs".split()
)

PLACES = (
    "the harbour market", "the village fair", "a corner shop", "the school hall", "the old library", "a mountain hut",
    "the railway kiosk", "the community garden", "a night market", "the art studio", "the swimming club", "a roadside stall",
    "the city museum", "the chess club", "a farm near the river", "the science lab", "the bus depot", "a seaside cafe",
    "the toy workshop", "the town archive", "a windy rooftop", "the bakery on Mill Street", "the music school",
    "a friend's garage", "the botanical park", "the post office", "a camp by the lake", "the theatre store room",
    "the flea market", "an orchard up the hill", "the repair shop", "the youth centre", "a neighbour's barn",
    "the pottery class", "the observatory", "an island ferry", "the sports ground", "the tea house", "a charity sale",
    "the animal shelter",
)  # fmt: skip

TIMES = (
    "On Monday", "On Tuesday morning", "Late on Wednesday", "By Thursday noon", "On Friday evening", "Over the weekend",
    "On Sunday", "Before breakfast", "After lunch", "At dusk", "The next day", "A week later", "In early spring",
    "During the holidays", "When the rain stopped", "An hour afterwards", "Just before closing time", "In the afternoon",
    "At half past four", "Towards the end of March", "On the first day of term", "After the concert", "That same night",
    "Two days on", "While the others rested", "At the start of June", "Once the train arrived", "Around midday",
    "On the way home", "Shortly before sunset",
)  # fmt: skip

KIN = (
    "a cousin", "an aunt", "the neighbours", "a younger brother", "two classmates", "the coach", "an old friend", "a teacher",
    "the twins next door", "a grandmother", "the librarian", "a visiting uncle", "the new pupil", "a stepsister",
    "the caretaker", "some hikers", "the choir", "a colleague", "the postman", "a pen pal",
)  # fmt: skip

JOBS = (
    "baker", "carpenter", "cartographer", "beekeeper", "florist", "gardener", "glazier", "jeweller", "mason", "mechanic",
    "optician", "painter", "plumber", "potter", "printer", "roofer", "sailor", "tailor", "translator", "welder", "weaver",
    "vet", "surveyor", "cobbler",
)  # fmt: skip

COLOURS = tuple("amber azure beige black bronze coral crimson cyan golden green grey indigo ivory jade lilac maroon olive "
                "orange pink purple red scarlet silver tan teal turquoise violet white yellow".split())  # fmt: skip

ANIMALS = tuple("badger beaver camel crow dolphin donkey eagle ferret falcon goat goose hare hedgehog heron horse lizard "
                "llama lynx mole moose otter owl panda parrot pelican pony rabbit raven robin salmon seal snail squirrel "
                "swan tiger toad turtle walrus weasel wolf wren yak zebra".split())  # fmt: skip

NONSENSE = tuple("blickets borogoves dorfs drabbles fendles flooms frimps glarbs gloops gorpels grumbles jiblets kimmers "
                 "lompers mivvles morgles norbits nuzzles plimps quibbers raths skeevs slithies snorks splonks tibbles toves "
                 "trindles vimbles wugs wumpuses yorgs zants zelfs zindles".split())  # fmt: skip

FRACTIONS = ((2, "half"), (3, "a third"), (4, "a quarter"), (5, "a fifth"), (6, "a sixth"), (8, "an eighth"))

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
