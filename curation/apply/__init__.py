"""Kept documents with the edits in force carried out, once."""
