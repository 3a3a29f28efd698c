"""Raw files -> PARTS and DOCUMENTS: every row is read, or set aside with its reason."""
