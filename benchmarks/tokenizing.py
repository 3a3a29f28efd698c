"""How fast are texts made ids, and are they the very ids of `tokenizers`? Processor time on one pinned core.

    python benchmarks/tokenizing.py --json tokenizing.json    # on what benchmarks/corpus.py makes
    python benchmarks/tokenizing.py --data /data/mine --tokenizer llama3/tokenizer.json --rounds 1

For each family of pre-tokenizers a BPE of 32,000 ids is trained on the corpus and kept in --work; files given with
--tokenizer are measured as well. Sides take turns, slice by slice, in one process. Ours: the step's own way from
parquet to token file, kernels compiled before, dictionary of chunks empty when a round begins. `tokenizers`: the same
parquet read, encode_batch_fast on one thread, ids written. tiktoken: encode_ordinary from strings in memory, where
ours starts from the same strings. A ratio is the median of the rounds' ratios; of several tokenizers the lowest
counts. Every id is compared, those of some thousands of odd documents (benchmarks/odd.py) as well, which are not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from odd import odd_documents
from tokenizing_ours import encoder_of, tokenize

from midmix.curation.tokenize.bpe.merges import byte_characters
from midmix.curation.tokenize.bpe.pattern import EXPRESSIONS
from midmix.curation.tokenize.encode import TokenizerFolder, encode, open_folder
from midmix.disk import sha256_of
from midmix.tables import TEXT

# Families: their expressions, as a pre-tokenizer's Splits; GPT-2's is ByteLevel's own.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
FAMILIES: dict[str, tuple[str, ...]] = {
    "gpt2": (),
    **dict(zip(("llama3", "qwen2", "qwen3_5", "o200k", "deepseek_v3"), EXPRESSIONS, strict=True)),
}
DEFAULT_FAMILIES = ("gpt2", "llama3", "qwen2", "o200k", "deepseek_v3")
VOCABULARY = 32_000
END = "<|endoftext|>"
SLICE_BYTES = 16 << 20
TRAINED_ON = 3  # one document in so many
ODD_DOCUMENTS = 4000


def train(family: str, data: Path, work: Path) -> Path:
    """The folder of a BPE trained on the corpus with a family's own pre-tokenizer, from `work` where it is there."""
    import tokenizers
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    mark = sha256_of(data / "manifest.json")[:12] if (data / "manifest.json").exists() else data.resolve().name
    folder = work / f"{family}-{mark}-{tokenizers.__version__}"
    if (folder / "tokenizer_config.json").exists():
        return folder
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family == "gpt2")
    splits = [pre_tokenizers.Split(Regex(expression), "isolated") for expression in FAMILIES[family]]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level]) if splits else byte_level
    if family.startswith("qwen"):
        tokenizer.normalizer = normalizers.NFC()
    alphabet = sorted(byte_characters())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[AddedToken(END)], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((text for i, text in enumerate(texts_of(data)) if i % TRAINED_ON == 0), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": END}))
    return folder


def given(file: Path, work: Path) -> Path:
    """A folder with a given tokenizer.json; where none beside it names the end of text, its last id stands in."""
    if (file.parent / "tokenizer_config.json").exists():
        return file.parent
    vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    folder = work / sha256_of(file)[:12]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(file.read_bytes())
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": max(vocabulary.values())}))
    return folder


def texts_of(data: Path) -> Iterator[str]:
    """Every text below a folder of parquet files."""
    files = sorted(data.rglob("*.parquet"))
    if not files:
        raise SystemExit(f"{data}: no parquet file with a column 'text'; benchmarks/corpus.py makes some")
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1000, columns=["text"]):
            yield from (text for text in batch.column(0).to_pylist() if text is not None)


def slices(data: Path, folder: Path) -> list[Path]:
    """The corpus as parquet files of about SLICE_BYTES of text each."""
    paths: list[Path] = []
    waiting: list[str] = []
    size = 0

    def write() -> None:
        paths.append(folder / f"{len(paths):04d}.parquet")
        table = pa.table({"text": pa.array(waiting, TEXT)})
        pq.write_table(table, paths[-1], compression="zstd", row_group_size=1000)
        waiting.clear()

    for text in texts_of(data):
        waiting.append(text)
        size += len(text.encode())
        if size >= SLICE_BYTES:
            write()
            size = 0
    if waiting:
        write()
    return paths


class Theirs:
    """`tokenizers`, set up as the product sets it up, on one thread."""

    def __init__(self, folder: TokenizerFolder) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(Path(folder.path) / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self._folder = folder

    def __call__(self, file: Path, out: Path) -> npt.NDArray[np.int64]:
        """Write the token file of a parquet file; ids per document, end-of-text included."""
        lengths = []
        with out.open("wb") as stream:
            for batch in pq.ParquetFile(file).iter_batches(columns=["text"], batch_size=200, use_threads=False):
                ids: list[int] = []
                for encoding in self._tokenizer.encode_batch_fast(
                    batch.column(0).to_pylist(), add_special_tokens=False
                ):
                    ids += encoding.ids
                    ids.append(self._folder.end_of_text_id)
                    lengths.append(len(encoding.ids) + 1)
                stream.write(np.array(ids, self._folder.dtype).data)
        return np.array(lengths)


def tiktoken_of(name: str, folder: Path) -> Any:
    """tiktoken's encoding of the same vocabulary, or None where it has no way to cut like that."""
    if name not in FAMILIES or len(FAMILIES[name]) > 1:
        return None
    import tiktoken

    byte_of = {char: byte for byte, char in enumerate(byte_characters())}
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    ranks = {bytes(byte_of[c] for c in token): number for token, number in vocabulary.items() if token != END}
    pattern = FAMILIES[name][0] if FAMILIES[name] else GPT2
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of one call, and what it gave."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def mismatches(mine: tuple[Any, Any], theirs: tuple[Any, Any]) -> int:
    """Ids that differ or are missing, document by document, of two (ids, ids per document)."""
    if np.array_equal(mine[0], theirs[0]) and np.array_equal(mine[1], theirs[1]):
        return 0
    found = 0
    for a, b in zip(*(np.split(ids, np.cumsum(lengths)[:-1]) for ids, lengths in (mine, theirs)), strict=True):
        same = min(len(a), len(b))
        found += int((a[:same] != b[:same]).sum()) + max(len(a), len(b)) - same
    return found


def measure(name: str, path: Path, files: Sequence[Path], odd: Path, work: Path, rounds: int) -> dict[str, Any]:
    """One tokenizer: ratios by round, rates in MB/s, ids that differ."""
    folder = open_folder(name, str(path))
    encoder, theirs, peer = encoder_of(folder), Theirs(folder), tiktoken_of(name, path)
    outs = work / "ours.bin", work / "theirs.bin"

    def both(file: Path) -> tuple[float, float, int]:
        mine, lengths = seconds(lambda: tokenize(folder, [file], outs[0]))
        other, expected = seconds(lambda: theirs(file, outs[1]))
        ids = [np.fromfile(out, folder.dtype) for out in outs]
        return mine, other, mismatches((ids[0], lengths), (ids[1], expected))

    differ = both(odd)[2]
    size = [sum(len(t.encode()) for t in pq.read_table(f).column("text").to_pylist()) / 1e6 for f in files]
    spent: list[tuple[float, float]] = []
    strings: list[tuple[float, float]] = []
    for _ in range(rounds):
        encoder.forget()
        found = [both(file) for file in files]
        differ += sum(f[2] for f in found)
        spent.append((sum(f[0] for f in found), sum(f[1] for f in found)))
        if peer:
            encoder.forget()
            in_turn = [from_strings(folder, encoder, peer, file) for file in files]
            strings.append((sum(f[0] for f in in_turn), sum(f[1] for f in in_turn)))
            differ += sum(f[2] for f in in_turn)
    result = {"mb": sum(size), "id_mismatches": differ, **rates("tokenizers", spent, sum(size))}
    if strings:
        result |= rates("tiktoken", strings, sum(size))
    return {**result, "peak_rss_mib": peak(path, files, outs[0])}


def from_strings(folder: TokenizerFolder, encoder: Any, peer: Any, file: Path) -> tuple[float, float, int]:
    """(our seconds, tiktoken's, ids that differ) for the texts of a file as Python strings."""
    texts = pq.read_table(file).column("text").to_pylist()
    mine, found = seconds(lambda: list(encode(folder, pa.array(texts, TEXT))))
    ids, lengths = (np.concatenate(column) for column in zip(*found, strict=True))
    other, lists = seconds(lambda: [peer.encode_ordinary(text) for text in texts])
    expected = np.array([i for found in lists for i in (*found, folder.end_of_text_id)])
    reserved = bool(encoder.reserved(pa.array(texts, TEXT)).any())  # tiktoken knows no NFC
    return mine, other, 0 if reserved else mismatches((ids, lengths), (expected, [len(f) + 1 for f in lists]))


def rates(peer: str, spent: Sequence[tuple[float, float]], megabytes: float) -> dict[str, Any]:
    """The rounds' ratios and both sides' MB/s."""
    ratios = [theirs / ours for ours, theirs in spent]
    ours, theirs = (round(megabytes / statistics.median(side), 2) for side in zip(*spent, strict=True))
    return {
        f"ratio_{peer}": round(statistics.median(ratios), 2),
        f"rounds_{peer}": [round(ratio, 2) for ratio in ratios],
        f"mb_per_s_beside_{peer}": {"ours": ours, peer: theirs},
    }


def peak(tokenizer: Path, files: Sequence[Path], out: Path) -> int:
    """Peak of the resident memory of a process that does our side alone, MiB."""
    script = Path(__file__).with_name("tokenizing_ours.py")
    command = [sys.executable, str(script), str(tokenizer), str(out), *map(str, files)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Parse the arguments, measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of parquet files with a column 'text'; else one is made")
    parser.add_argument("--mb", type=float, default=64, help="megabytes of text to make")
    parser.add_argument(
        "--work", type=Path, default=Path("bench-tokenizing"), help="where corpus and tokenizers are kept"
    )
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only these; may be repeated")
    parser.add_argument(
        "--tokenizer", type=Path, action="append", default=[], help="a tokenizer.json to measure as well"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--core", type=int, default=0, help="the core to be pinned to")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    data: Path = arguments.data or arguments.work / f"corpus-{arguments.mb:g}"
    if arguments.data is None and not (data / "manifest.json").exists():
        corpus.write(arguments.mb, 1, data)
    paths = {f: train(f, data, arguments.work) for f in arguments.family or DEFAULT_FAMILIES}
    paths |= {str(file): given(file, arguments.work) for file in arguments.tokenizer}
    os.sched_setaffinity(0, {arguments.core})
    with tempfile.TemporaryDirectory() as temporary:
        files = slices(data, Path(temporary))
        odd = Path(temporary) / "odd.parquet"
        pq.write_table(pa.table({"text": pa.array(odd_documents(ODD_DOCUMENTS, 1), TEXT)}), odd)
        found = {n: measure(n, path, files, odd, Path(temporary), arguments.rounds) for n, path in paths.items()}
    figures = {
        "mb": round(min(f["mb"] for f in found.values()), 2),
        "id_mismatches": sum(f["id_mismatches"] for f in found.values()),
        "ratio_tokenizers": min(f["ratio_tokenizers"] for f in found.values()),
        "ratio_tiktoken": min(f["ratio_tiktoken"] for f in found.values() if "ratio_tiktoken" in f),
        "peak_rss_mib": max(f["peak_rss_mib"] for f in found.values()),
        "tokenizers": found,
    }
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
