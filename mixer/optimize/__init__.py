"""Laws + caps + bounds -> weights with intervals, and what they are compared with."""
