"""Families of problems: each draws its words from one stream and its numbers from another."""
