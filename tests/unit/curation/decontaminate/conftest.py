"""A sentence-embedding checkpoint that a test makes: the mean of its words' vectors, whatever their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

WIDTH = 64


@pytest.fixture
def sentence_model(tmp_path: Path) -> Callable[[Sequence[str]], Path]:
    """Makes the checkpoint from the texts whose words it is to know, and names its folder."""

    def make(texts: Sequence[str], name: str = "model") -> Path:
        import torch
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        words = sorted({word for text in texts for word in re.findall(r"\w+", text.lower())})
        vocabulary = {word: number for number, word in enumerate(["[UNK]", "[PAD]", *words])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        folder = tmp_path / name
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(
            folder
        )
        shape = {"hidden_size": WIDTH, "num_hidden_layers": 0, "num_attention_heads": 1, "intermediate_size": 8}
        model = BertModel(BertConfig(vocab_size=len(vocabulary), **shape), add_pooling_layer=False)
        drawn = np.random.default_rng(1).normal(size=(len(vocabulary), WIDTH)).astype(np.float32)
        with torch.no_grad():
            model.embeddings.word_embeddings.weight.copy_(torch.from_numpy(drawn))
            model.embeddings.position_embeddings.weight.zero_()
            model.embeddings.token_type_embeddings.weight.zero_()
        model.save_pretrained(folder)
        return folder

    return make
