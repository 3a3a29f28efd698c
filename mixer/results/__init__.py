"""Runs that were made elsewhere: read from files, bad rows named, and taken into DESIGNS and LOSSES."""
