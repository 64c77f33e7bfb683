"""Keeps test material out of training: everyday sentences by another hand, held-out sentences, unseen names and values."""

from __future__ import annotations

from pathlib import Path

from grammar.unseen import EN, ZH

HERE = Path(__file__).parent


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


def units(text: str, lang: str) -> tuple[str, ...]:
    """Hanzi or words of a sentence."""
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower())
    return tuple(kept.replace(" ", "")) if lang == "zh" else tuple(kept.split())


class Parts:
    """Sentences, to be found in others as a whole or as a part."""

    def __init__(self, texts: list[str], lang: str) -> None:
        self.lang, self.held = lang, {units(t, lang) for t in texts} - {()}
        self.sizes = sorted({len(h) for h in self.held})

    def within(self, text: str) -> set[tuple[str, ...]]:
        """Those that stand in `text`."""
        whole = units(text, self.lang)
        windows = (whole[i : i + size] for size in self.sizes for i in range(len(whole) - size + 1))
        return {window for window in windows if window in self.held}


class Guard:
    """Says which texts may be trained on."""

    def __init__(self) -> None:
        names = ("heldout", "unseen", "dev")
        self.parts = {lang: Parts(everyday(lang) + [t for name in names for t in lines(f"{name}_{lang}.txt")], lang) for lang in ("zh", "en")}
        self.words = {w.lower() for values in EN.values() for v in values for w in v.split()}
        self.pieces = [v for values in ZH.values() for v in values]

    def allowed(self, text: str, lang: str) -> bool:
        """No test sentence, not even as a part, and no unseen value within."""
        if self.parts[lang].within(text):
            return False
        if lang == "zh":
            return not any(p in text for p in self.pieces)
        return not self.words.intersection(text.lower().split())
