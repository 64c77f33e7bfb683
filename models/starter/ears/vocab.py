"""The vocabulary: a SentencePiece file of English BPE pieces, single hanzi and the official tags.

English word frequencies and hanzi frequencies: the `wordfreq` package (Apache-2.0; data CC BY-SA 4.0).
"""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import sentencepiece as spm
from pypinyin import Style, lazy_pinyin
from sentencepiece import sentencepiece_model_pb2 as pb
from wordfreq import top_n_list

from grammar import lexicon, sentences_zh
from grammar.expand import sentence

TAGS = ["zh", "en", "yue", "ja", "ko", "nospeech", "Speech", "BGM", "Applause", "Laughter", "Cry", "Sneeze", "Breath", "Cough", "Sing", "Speech_Noise", "GBG", "Event_UNK", "HAPPY", "SAD", "ANGRY", "NEUTRAL", "FEARFUL", "DISGUSTED", "SURPRISED", "EMO_UNKNOWN", "withitn", "woitn"]


def english_words(count: int = 5000) -> list[str]:
    """The commonest English words."""
    return [w for w in top_n_list("en", count * 2) if w.isascii() and w.isalpha() and (len(w) > 1 or w in "ai")][:count]


def chinese_words(count: int = 9000) -> list[str]:
    """The commonest Chinese words."""
    return [w for w in top_n_list("zh", count * 2) if all("\u4e00" <= c <= "\u9fff" for c in w)][:count]


def hanzi(count: int = 3000) -> list[str]:
    """Characters of the grammar first, then the commonest ones."""
    own = "".join(sum(sentences_zh.TOPICS.values(), [])) + "".join(
        "".join(part if isinstance(part, str) else part[0] for part in values)
        for values in vars(lexicon).values() if isinstance(values, list)
    )
    chars: dict[str, None] = {}
    for c in own + "".join(lexicon.DIGITS_ZH) + "百千点半年月日号分钟早上下午晚" + "".join(chinese_words(12000)):
        if "\u4e00" <= c <= "\u9fff" and len(chars) < count:
            chars[c] = None
    return list(chars)


def train_bpe(words: list[str], size: int) -> bytes:
    """Trains an English BPE model; gives the file."""
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(words), model_writer=out, vocab_size=size, model_type="bpe", character_coverage=1.0,
        add_dummy_prefix=True, bos_id=1, eos_id=2, unk_id=0, normalization_rule_name="identity", num_threads=1, hard_vocab_limit=False, minloglevel=2,
    )
    return out.getvalue()


def corpus(seed: int) -> list[str]:
    """English text to count pieces on: grammar sentences, and common words."""
    rng = random.Random(seed)
    return [sentence("en", rng).lower() for _ in range(40000)] + english_words() * 3


def build(folder: Path, seed: int = 7) -> None:
    """Writes the SentencePiece file, tokens.json and the training-only auxiliary units."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = corpus(seed)
    model = pb.ModelProto()
    model.ParseFromString(train_bpe(lines, 1000))
    known = {p.piece for p in model.pieces}
    for c in hanzi():
        if c not in known:
            model.pieces.add(piece=c, score=-len(model.pieces), type=pb.ModelProto.SentencePiece.NORMAL)
    for tag in TAGS:
        model.pieces.add(piece=f"<|{tag}|>", score=0.0, type=pb.ModelProto.SentencePiece.USER_DEFINED)
    (folder / "chn_jpn_yue_eng_ko_spectok.bpe.model").write_bytes(model.SerializeToString())
    (folder / "tokens.json").write_text(json.dumps([p.piece for p in model.pieces], ensure_ascii=False, indent=0))
    (folder / "aux_en.model").write_bytes(train_bpe(lines, 120))


class Vocabulary:
    """Text to ids, and to the auxiliary units (pinyin initials and finals; small English pieces)."""

    def __init__(self, folder: Path) -> None:
        self.sp = spm.SentencePieceProcessor(model_file=str(folder / "chn_jpn_yue_eng_ko_spectok.bpe.model"))
        self.aux_en = spm.SentencePieceProcessor(model_file=str(folder / "aux_en.model"))
        self.size = self.sp.get_piece_size()
        self.units: dict[str, int] = {}
        for c in hanzi():
            for unit in self.syllable(c):
                self.units.setdefault(unit, self.aux_en.get_piece_size() + len(self.units))
        self.aux_size = self.aux_en.get_piece_size() + len(self.units) + 8

    def tag(self, name: str) -> int:
        """Id of `<|name|>`."""
        return self.sp.piece_to_id(f"<|{name}|>")

    @staticmethod
    def syllable(text: str) -> list[str]:
        initials = lazy_pinyin(text, style=Style.INITIALS, strict=False)
        finals = lazy_pinyin(text, style=Style.FINALS_TONE3, strict=False, neutral_tone_with_five=True)
        return [u for pair in zip(initials, finals) for u in pair if u]

    def encode(self, text: str, lang: str) -> list[int]:
        """Ids of a sentence: hanzi one by one, English as pieces of lower case."""
        if lang == "zh":
            ids = [self.sp.piece_to_id(c) for c in text if not c.isspace()]
            return [i for i in ids if i > 2]
        return [i for i in self.sp.encode(text.lower()) if i > 2]

    def encode_aux(self, text: str, lang: str) -> list[int]:
        """Auxiliary ids, never 0."""
        if lang == "zh":
            return [self.units[u] for u in self.syllable(text) if u in self.units]
        return [i for i in self.aux_en.encode(text.lower()) if i > 2]

    def decode(self, ids: list[int]) -> str:
        """Plain text of ids; tags vanish."""
        pieces = [self.sp.id_to_piece(i) for i in ids if i > 2]
        return "".join(p for p in pieces if not p.startswith("<|")).replace("\u2581", " ").strip()
