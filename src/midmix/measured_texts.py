"""What runs of the user's own trainer are measured on: the texts that the run's own proxies are, in the trainer's tokens."""

from __future__ import annotations

from midmix.config import Proxy
from midmix.errors import InputError
from midmix.mixer.jobs.evaluation import MeasuredText
from midmix.proxy_train.shards import itemsize, shards_by_domain
from midmix.proxy_train.sources import end_of_text
from midmix.proxy_train.texts import document_text, item_text
from midmix.proxy_train.tokens import load_tokenizer, num_ids, read_heldout, read_items
from midmix.run import Run
from midmix.table_manifest import load_manifest
from midmix.tables import EVALUATION_ITEMS, TOKENS

TOKENIZER = "main"


def measured_texts(run: Run, sequence_length: int) -> list[MeasuredText]:
    """Held-out text of every domain and the items of every target and retained set, `proxy.heldout_tokens` of each.

    No window holds more than `sequence_length` tokens. Raises InputError where there is nothing to measure.
    """
    folder = run.config.resolve(run.config.require("tokenizers", "design")[TOKENIZER])
    tokenizer = load_tokenizer(TOKENIZER, folder)
    manifest = load_manifest(run.folder, TOKENS.name)
    size = itemsize(num_ids(tokenizer))
    train, heldout = (shards_by_domain(manifest, run.folder, TOKENIZER, split, size) for split in ("train", "heldout"))
    budget = (run.config.proxy or Proxy()).heldout_tokens
    documents = read_heldout(manifest.paths(run.folder), heldout, TOKENIZER, budget)
    items = read_items(load_manifest(run.folder, EVALUATION_ITEMS.name).paths(run.folder), tokenizer, budget)
    if not documents and not items:
        raise InputError(
            "tokens, evaluation_items: no held-out text and no item, so no job can be measured; raise heldout_fraction"
        )
    start = end_of_text(train)
    sizes = {"start": start, "length": sequence_length - 1, "budget": budget}
    texts = [document_text(f"domain:{d}", held.documents, held.num_bytes, **sizes) for d, held in documents.items()]
    texts += [item_text(f"set:{name}", found, **sizes) for name, found in items.items()]
    return [
        MeasuredText(text.metric, [(window.ids, window.first) for window in text.windows], text.num_bytes)
        for text in texts
    ]
