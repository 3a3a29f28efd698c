"""A newcomer among the sources of a run: previewed in a layer of its own, then taken in."""
