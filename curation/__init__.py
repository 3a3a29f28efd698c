"""From raw documents to token shards."""
