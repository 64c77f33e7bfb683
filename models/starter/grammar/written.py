"""Sentences written one by one: `said_*.txt` of this folder, `brain/feelings_*.txt` (MIT), and the packages' own.

Packages: PyPI's `chatterbot-corpus` (BSD-3-Clause), English and Chinese dialogues; Debian's `wordnet-base` (WordNet 3.0
licence, as free as BSD), the examples of its English definitions. Nothing of them is in the repository.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import yaml

HERE = Path(__file__).parent


def dialogues(lang: str) -> list[str]:
    """What `chatterbot-corpus` has, cut at punctuation."""
    try:
        import chatterbot_corpus
    except ImportError:
        return []
    folder = Path(chatterbot_corpus.__file__).parent / "data" / {"en": "english", "zh": "chinese"}[lang]
    texts = []
    for path in sorted(folder.glob("*.yml")):
        if path.stem in ("coding", "tech_support", "computers"):
            continue
        for round_ in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            texts += [part for text in round_ for part in re.split(r"[.,;:!?。，；：！？、…\n]+", str(text))]
    return texts


def examples() -> list[str]:
    """The examples of WordNet's definitions."""
    folder = Path(os.environ.get("WORDNET", "/usr/share/wordnet"))
    texts = []
    for path in sorted(folder.glob("data.*")):
        texts += re.findall(r'"([^"]+)"', path.read_text(encoding="latin-1"))
    return [text for text in texts if len(text.split()) > 1]


def spoken(text: str, lang: str) -> str | None:
    """A sentence as it sounds: words of plain letters or hanzi; `None` where it has anything else."""
    text = text.strip().lower().replace("’", "'")
    if lang == "zh":
        text = text.replace(" ", "")
        return text if re.fullmatch(r"[\u4e00-\u9fff]{2,22}", text) else None
    text = " ".join(text.replace('"', " ").replace("-", " ").split())
    return text if re.fullmatch(r"[a-z' ]+", text) and len(text.split()) <= 14 else None


def unique(texts: list[str], lang: str) -> list[str]:
    """As they sound, each once, in a fixed order."""
    return sorted({s for text in texts if (s := spoken(text, lang))})


@cache
def said(lang: str) -> list[str]:
    """The sentences of `said_*.txt`."""
    return unique([line for path in sorted(HERE.glob(f"said_{lang}*.txt")) for line in path.read_text(encoding="utf-8").splitlines()], lang)


@cache
def written(lang: str) -> list[str]:
    """What people say, sentence by sentence."""
    felt = (HERE.parent / "brain" / f"feelings_{lang}.txt").read_text(encoding="utf-8").splitlines()
    return unique(said(lang) + dialogues(lang) + [line for line in felt if not line.startswith("#")], lang)


@cache
def wide(lang: str) -> list[str]:
    """Written sentences, and for English examples from a dictionary: words in their surroundings."""
    return unique(written(lang) + examples(), lang) if lang == "en" else written(lang)
