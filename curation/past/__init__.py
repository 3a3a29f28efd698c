"""What an earlier corpus has already: an index of a finished run without its text, and runs that are compared with it."""
