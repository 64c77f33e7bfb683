"""The starter's tokenizer: byte-level BPE, Qwen2's split, single digits, common hanzi as one token,
every other hanzi as exactly two, so that a name splits the same way everywhere."""

from __future__ import annotations

import collections
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from dialogues import corpus

PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nYou are a helpful companion.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def splitter():
    """Qwen2's pre-tokenizer."""
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_chars() -> dict[int, str]:
    """GPT-2's printable stand-ins for bytes."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return table


def build(folder: Path) -> Tokenizer:
    """Makes the tokenizer and writes the release's files."""
    table = byte_chars()
    zh, en = corpus("zh", 3000, 1), corpus("en", 3000, 2)
    merges: list[tuple[str, str]] = []
    leads = [(0xE3, 0x80), (0xEF, 0xBC), (0xE2, 0x80)] + [(a, b) for a in range(0xE4, 0xEA) for b in range(0x80, 0xC0)]
    merges += [(table[a], table[b]) for a, b in leads]
    counts = collections.Counter(c for line in zh for c in line if ord(c) > 0x2000)
    for c, _ in counts.most_common(600):
        a, b, d = (table[x] for x in c.encode())
        merges.append((a + b, d))
    english = Tokenizer(models.BPE())
    english.pre_tokenizer = splitter()
    english.train_from_iterator(en, trainers.BpeTrainer(vocab_size=256 + 900, initial_alphabet=list(table.values()), show_progress=False))
    learned = json.loads(english.to_str())["model"]["merges"]
    merges += [tuple(m) for m in learned if all(ord(c) < 0x180 for part in m for c in part) and tuple(m) not in set(merges)]
    vocab: dict[str, int] = {}
    for piece in [*table.values(), *(a + b for a, b in merges)]:
        vocab.setdefault(piece, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = splitter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    config = {"tokenizer_class": "Qwen2Tokenizer", "model_max_length": 4096, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": None, "unk_token": None, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False))
    return tokenizer
