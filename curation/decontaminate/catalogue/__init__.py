"""Recipes of public benchmarks: where each lies, at which revision, which fields are which. No content of theirs."""
