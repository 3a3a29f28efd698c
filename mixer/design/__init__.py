"""Mixtures to try: what is at hand, which shares it allows, and where proxy runs tell most."""
