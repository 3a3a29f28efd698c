"""Passages that documents share: lines, paragraphs and exact substrings, as spans that `decide` may cut."""
