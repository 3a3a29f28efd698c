"""A plan -> one folder per trainer, which loads it without hand editing."""
