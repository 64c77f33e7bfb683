"""Draws the held-out sentences: `python heldout.py CLIPS [TEXTS ...]`.

Sentences of the grammar that stand in none of the training clips' texts, not even as a part of one (CLIPS: the pool's
folder; TEXTS: further files with one training sentence per line), and sentences whose names and values are in no training
text. Sentences that the files hold already and that nobody trained on stay. They are kept in files beside this script; `guard.py` keeps them out of any later training. `dev_*.txt` are for choosing
settings, the others for figures.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import shards
from grammar import unseen
from grammar.expand import CHOICE, fill, sentence, topics
from guard import HERE, Parts, everyday, lines, units


def trained(folder: Path, files: list[Path]) -> list[str]:
    """All texts that were trained on."""
    return shards.texts(folder) + [t for path in files for t in path.read_text(encoding="utf-8").splitlines()]


def untold(texts: list[str], known: list[str], lang: str) -> list[str]:
    """Those that stand in no known text."""
    parts = Parts(texts, lang)
    told = set().union(*(parts.within(text) for text in known))
    return [text for text in dict.fromkeys(texts) if units(text, lang) not in told]


def fresh(lang: str, known: list[str], count: int, rng: random.Random, start: list[str]) -> list[str]:
    """Different sentences of the grammar that nobody trained on: those of `start`, and new ones."""
    drawn = list(start)
    for _ in range(count * 12):
        text = sentence(lang, rng).lower()
        size = len(text) if lang == "zh" else len(text.split())
        if (3 if lang == "zh" else 2) <= size <= (22 if lang == "zh" else 12):
            drawn.append(text)
    return untold(drawn, known, lang)[:count]


def strange(lang: str, count: int, rng: random.Random) -> list[str]:
    """Sentences of the grammar with an unseen name or value."""
    values = unseen.ZH if lang == "zh" else unseen.EN
    templates = [t for table in topics(lang).values() for t in table]
    out: dict[str, None] = {}
    while len(out) < count:
        template = rng.choice(templates)
        while (match := CHOICE.search(template)) is not None:
            template = template[: match.start()] + rng.choice(match.group(1).split("|")) + template[match.end():]
        kinds = [k for k in re.findall(r"\{(\w+)\}", template) if k in values]
        if len(kinds) == 1:
            text = template.replace("{" + kinds[0] + "}", rng.choice(values[kinds[0]]))
            out[" ".join(fill(text, lang, rng).lower().split())] = None
    return list(out)


def main() -> None:
    known = trained(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]])
    for lang in ("zh", "en"):
        rng = random.Random(987)
        write = lambda name, texts: (HERE / f"{name}_{lang}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        other = everyday(lang)
        print(lang, len(known), "training texts;", len(other) - len(untold(other, known, lang)), "of", len(other), "everyday sentences stand in one")
        held = fresh(lang, known + other, 520, rng, lines(f"heldout_{lang}.txt"))
        write("heldout", held)
        write("unseen", untold(lines(f"unseen_{lang}.txt") + strange(lang, 260, rng), known, lang)[:200])
        write("dev", fresh(lang, known + other + held, 200, random.Random(988), lines(f"dev_{lang}.txt")))


if __name__ == "__main__":
    main()
