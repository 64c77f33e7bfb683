"""Makes the language model that helps the starter ears: `python language_model.py MODEL_DIR`.

A 5-gram over the ears' own tokens with modified Kneser-Ney smoothing (S. Chen, J. Goodman, "An empirical study of
smoothing techniques for language modeling", 1998), written as `lm.arpa.zst` into the model directory. Its text: the
grammar's sentences, free sentences, salads, and `written.py`. `guard.py` keeps the test sentences out.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import sentencepiece as spm
import zstandard

from grammar.expand import sentence
from grammar.written import wide
from guard import Guard
from pool import free, salad
from vocab import chinese_words, english_words, hanzi

ORDER = 5
# An n-gram of order 1, 2, ... must occur that often.
CUT = (1, 1, 2, 2, 2)
BITS = 12


def sentences(lang: str, rng: random.Random, scale: float) -> set[str]:
    """Different sentences of a language."""
    guard = Guard()
    lists = (chinese_words(), hanzi()) if lang == "zh" else (english_words(), [])
    texts = {sentence(lang, rng).lower() for _ in range(int(200_000 * scale))}
    texts |= {free(lang, rng).lower() for _ in range(int(40_000 * scale))}
    texts |= {salad(lang, rng, *lists).lower() for _ in range(int(15_000 * scale))}
    texts |= set(wide(lang))
    return {t for t in texts if guard.allowed(t, lang)}


class Counter:
    """All n-grams as numbers: token ids of `BITS` bits, the first one highest."""

    def __init__(self, rows: list[list[int]], begin: int, end: int) -> None:
        flat = np.array([i for row in rows for i in (begin, *row, end)], np.int64)
        place = np.concatenate([np.arange(len(row) + 2) for row in rows])
        self.begin, self.raw, self.raw_counts = begin, [], []
        for n in range(1, ORDER + 1):
            # The code of the n tokens that end at each place.
            shifted = np.zeros_like(flat)
            for k in range(n):
                shifted |= np.concatenate([np.zeros(k, np.int64), flat[: len(flat) - k]]) << (BITS * k)
            codes, counts = np.unique(shifted[place >= n - 1], return_counts=True)
            self.raw.append(codes)
            self.raw_counts.append(counts)

    def adjusted(self, n: int) -> np.ndarray:
        """Counts of order `n`: how often, for the highest order and after <s>; else after how many tokens."""
        codes, counts = self.raw[n - 1], self.raw_counts[n - 1]
        if n == ORDER:
            return counts
        ends = self.raw[n] & ((1 << BITS * n) - 1)
        found, kinds = np.unique(ends, return_counts=True)
        place = np.minimum(np.searchsorted(found, codes), len(found) - 1)
        kinds = np.where(found[place] == codes, kinds[place], 0)
        return np.where(codes >> (BITS * (n - 1)) == self.begin, counts, kinds)


def discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from a count of 0, 1, 2, 3 and more."""
    of = [max(1, int((counts == k).sum())) for k in range(1, 5)]
    y = of[0] / (of[0] + 2 * of[1])
    return np.clip([0, *(k - (k + 1) * y * of[k] / of[k - 1] for k in (1, 2, 3))], [0, 0.1, 0.1, 0.1], [0, 0.95, 1.9, 2.9])


def estimate(counter: Counter, vocabulary: int) -> list[np.ndarray]:
    """Interpolated probabilities of all n-grams, order by order."""
    probabilities: list[np.ndarray] = []
    for n in range(1, ORDER + 1):
        codes, counts = counter.raw[n - 1], counter.adjusted(n).astype(float)
        if n == 1:
            counts[codes == counter.begin] = 0
        taken = discounts(counts)[np.minimum(counts, 3).astype(int)]
        context = codes >> BITS
        _, which = np.unique(context, return_inverse=True)
        total = np.bincount(which, counts)
        left = np.bincount(which, taken)[which] / total[which]
        if n == 1:
            lower = np.full(len(codes), 1 / vocabulary)
        else:
            ends = codes & ((1 << BITS * (n - 1)) - 1)
            lower = probabilities[-1][np.searchsorted(counter.raw[n - 2], ends)]
        probabilities.append((counts - taken) / total[which] + left * lower)
    return probabilities


def prune(counter: Counter, probabilities: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Drops rare n-grams; gives codes, probabilities, and back-off weights that make every context sum to 1."""
    keep = [counts >= cut for counts, cut in zip(counter.raw_counts, CUT)]
    codes = [c[k] for c, k in zip(counter.raw, keep)]
    kept = [p[k] for p, k in zip(probabilities, keep)]
    offs = [np.ones(len(c)) for c in codes]
    for n in range(2, ORDER + 1):
        context, ends = codes[n - 1] >> BITS, codes[n - 1] & ((1 << BITS * (n - 1)) - 1)
        lower = probabilities[n - 2][np.searchsorted(counter.raw[n - 2], ends)]
        place = np.searchsorted(codes[n - 2], context)
        high = np.bincount(place, kept[n - 1], len(codes[n - 2]))
        low = np.bincount(place, lower, len(codes[n - 2]))
        offs[n - 2] = np.where(high > 0, np.maximum(1 - high, 1e-6) / np.maximum(1 - low, 1e-6), 1)
    return codes, kept, offs


def arpa(codes, kept, offs, names: list[str], begin: int, unknown: float) -> str:
    """The model as text."""
    lines = ["\\data\\", *(f"ngram {n + 1}={len(c) + (n == 0)}" for n, c in enumerate(codes)), ""]
    for n, table in enumerate(codes, 1):
        lines += [f"\\{n}-grams:"] + ([f"{np.log10(unknown):.3f}\t<unk>"] if n == 1 else [])
        logs, weights = np.log10(np.maximum(kept[n - 1], 1e-12)), np.log10(offs[n - 1])
        for code, p, b in zip(table.tolist(), logs.tolist(), weights.tolist()):
            words = " ".join(names[(code >> (BITS * (n - 1 - k))) & ((1 << BITS) - 1)] for k in range(n))
            p = -99 if n == 1 and code == begin else p
            lines.append(f"{p:.3f}\t{words}" + (f"\t{b:.3f}" if n < ORDER and b else ""))
        lines.append("")
    return "\n".join([*lines, "\\end\\", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=71)
    parser.add_argument("--scale", type=float, default=1.5, help="share of the sampled sentences")
    args = parser.parse_args()
    sp = spm.SentencePieceProcessor(model_file=str(args.folder / "chn_jpn_yue_eng_ko_spectok.bpe.model"))
    size = sp.get_piece_size()
    begin, end = size, size + 1
    if end >= 1 << BITS:
        raise SystemExit(f"{size} pieces are more than {BITS} bits hold")
    rng, rows = random.Random(args.seed), []
    for lang in ("zh", "en"):
        texts = sorted(sentences(lang, rng, args.scale))
        encode = (lambda t: [i for c in t if (i := sp.piece_to_id(c)) > 2]) if lang == "zh" else (lambda t: [i for i in sp.encode(t) if i > 2])
        rows += [ids for t in texts if (ids := encode(t))]
        print(lang, len(texts), "sentences", flush=True)
    counter = Counter(rows, begin, end)
    tables = prune(counter, estimate(counter, size))
    names = [sp.id_to_piece(i) for i in range(size)] + ["<s>", "</s>"]
    text = arpa(*tables, names, begin, 1 / size / 20)
    packed = zstandard.ZstdCompressor(level=19).compress(text.encode())
    (args.folder / "lm.arpa.zst").write_bytes(packed)
    print("n-grams", [len(c) for c in tables[0]], "bytes", len(packed))


if __name__ == "__main__":
    main()
