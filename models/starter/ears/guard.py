"""Keeps test material out of training: everyday sentences by another hand, held-out sentences, unseen names and values."""

from __future__ import annotations

from pathlib import Path

from grammar.unseen import EN, ZH

HERE = Path(__file__).parent


def folded(text: str) -> str:
    """A sentence without case, punctuation and spaces."""
    return "".join(c for c in text.lower() if c.isalnum() or c == "'")


def everyday(lang: str) -> list[str]:
    """The everyday sentences of a language, without punctuation, lower case."""
    lines = (HERE / f"everyday_{lang}.txt").read_text(encoding="utf-8").splitlines()
    keep = lambda c: c if c.isalnum() or c == "'" else " "
    texts = [" ".join("".join(map(keep, line.lower())).split()) for line in lines if line.strip() and not line.startswith("#")]
    return [t.replace(" ", "") for t in texts] if lang == "zh" else texts


def lines(name: str) -> list[str]:
    """The sentences of one of the files beside this script."""
    path = HERE / name
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


class Guard:
    """Says which texts may be trained on."""

    def __init__(self) -> None:
        self.held = {folded(t) for lang in ("zh", "en") for t in everyday(lang)}
        self.held |= {folded(t) for name in ("heldout_zh.txt", "heldout_en.txt", "unseen_zh.txt", "unseen_en.txt", "dev_zh.txt", "dev_en.txt") for t in lines(name)}
        self.words = {w.lower() for values in EN.values() for v in values for w in v.split()}
        self.pieces = [v for values in ZH.values() for v in values]

    def allowed(self, text: str, lang: str) -> bool:
        """No test sentence, and no unseen value within."""
        if folded(text) in self.held:
            return False
        if lang == "zh":
            return not any(p in text for p in self.pieces)
        return not self.words.intersection(text.lower().split())
