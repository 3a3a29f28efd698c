"""Token counts and proxy losses -> domain weights -> plan -> trainer files. Knows tables, not models."""
