"""The token between the documents of a group: one of the tokenizer's that the config names, else its line feed.

It stands in the place of the end-of-text token, which ends the group alone: trainers that tell documents apart by that
token would take the group to pieces again. Source of a token of its own: `<file_sep>` of StarCoder2, arXiv 2402.19173.
"""

from __future__ import annotations

from collections.abc import Mapping

from midmix.config import Config
from midmix.curation.tokenize.encode import TokenizerFolder, line_feed_id, token_id
from midmix.errors import ConfigError


def open_separators(config: Config, folders: Mapping[str, TokenizerFolder]) -> dict[str, int]:
    """The id between documents of a group, by tokenizer. Raises ConfigError where a tokenizer has no such token."""
    named = {str(name): token for name, token in config.separators.items()}
    for name in named:
        if name not in folders:
            raise ConfigError(f"separators.{name}: the config has no tokenizers.{name}; add it, or leave this out")
    return {name: _separator(name, folder, named.get(name)) for name, folder in folders.items()}


def _separator(name: str, folder: TokenizerFolder, token: str | None) -> int:
    number = line_feed_id(folder) if token is None else token_id(folder, token)
    if number is None or number == folder.end_of_text_id:
        if token is None:
            wrong = "a source has a group, and the tokenizer gives a line feed no id of its own"
        else:
            wrong = f"the tokenizer {'has no token' if number is None else 'ends texts with'} {token!r}"
        raise ConfigError(
            f"separators.{name}: {wrong} ({folder.path}); name one of its tokens to stand between the documents of a "
            f"group, such as <file_sep> or <|file_sep|>"
        )
    return number
