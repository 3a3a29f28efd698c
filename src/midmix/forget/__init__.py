"""Removal requests: a run without one of its sources, what stays of it elsewhere, and the deletion with a receipt."""
