"""Draws the held-out sentences: `python heldout.py CLIPS [TEXTS ...]`.

Sentences of the grammar that are none of the training clips' texts (CLIPS: the pool's folder; TEXTS: further files
with one training sentence per line), checked one by one, and sentences whose names and values are in no training
text. They are kept in files beside this script; `guard.py` keeps them out of any later training. `dev_*.txt` are for choosing
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
from guard import HERE, everyday, folded


def trained(folder: Path, files: list[Path]) -> set[str]:
    """All texts that were trained on."""
    texts = set(map(folded, shards.texts(folder)))
    for path in files:
        texts.update(map(folded, path.read_text(encoding="utf-8").splitlines()))
    return texts


def fresh(lang: str, known: set[str], count: int, rng: random.Random) -> list[str]:
    """Different sentences of the grammar that nobody trained on."""
    out: dict[str, str] = {}
    while len(out) < count:
        text = sentence(lang, rng).lower()
        size = len(text) if lang == "zh" else len(text.split())
        if folded(text) not in known and (3 if lang == "zh" else 2) <= size <= (22 if lang == "zh" else 12):
            out.setdefault(folded(text), text)
    return list(out.values())


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
        held = {folded(t) for t in everyday(lang)}
        overlap = len(held & known)
        (HERE / f"heldout_{lang}.txt").write_text("\n".join(fresh(lang, known | held, 520, rng)) + "\n", encoding="utf-8")
        rows = [t for t in strange(lang, 260, rng) if folded(t) not in known][:200]
        (HERE / f"unseen_{lang}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
        known |= set(map(folded, rows))
        (HERE / f"dev_{lang}.txt").write_text("\n".join(fresh(lang, known | held, 200, random.Random(988))) + "\n", encoding="utf-8")
        print(lang, "training texts:", len(known), "everyday sentences among the clips (left out when training):", overlap)


if __name__ == "__main__":
    main()
