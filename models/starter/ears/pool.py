"""Makes clips: sentences of the grammar, salads of common words, in random voices, as shards on disk.

`--errs` makes clips for ears that are to notice when a voice errs: a part of the sentences is said with a fault of `faults.py`,
of English ones twice as many as of Chinese ones; with the text as it is said. Some of them and some of those without a fault
have a pause somewhere.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import faults
import shards
from grammar.expand import sentence
from grammar.free_en import free as free_en
from grammar.free_zh import free as free_zh
from grammar.written import wide, written
from guard import Guard
from speak import Espeak, clip, stopping
from vocab import chinese_words, english_words, hanzi


def salad(lang: str, rng: random.Random, words: list[str], chars: list[str]) -> str:
    """Random common words, so that every piece of the vocabulary is heard."""
    count = rng.randint(2, 6)
    if lang == "en":
        return " ".join(rng.choice(words[: rng.choice((800, 5000))]) for _ in range(count))
    if rng.random() < 0.25:
        return "".join(rng.choice(chars) for _ in range(rng.randint(2, 6)))
    return "".join(rng.choice(words[: rng.choice((1500, 9000))]) for _ in range(rng.randint(1, 4)))


def free(lang: str, rng: random.Random) -> str:
    """A free sentence: common words in everyday shapes."""
    return free_en(rng) if lang == "en" else free_zh(rng)


def text_of(lang: str, rng: random.Random, lists: dict) -> str:
    """A sentence of the grammar, a written one, a free one, two of them, or a salad."""
    any_sentence = lambda: rng.choice((sentence, sentence, free, lambda g, r: r.choice(written(g))))(lang, rng)
    roll = rng.random()
    if roll < 0.10:
        return salad(lang, rng, *lists[lang])
    if roll < 0.28:
        return free(lang, rng)
    if roll < 0.60:
        return rng.choice(written(lang) if roll < 0.46 else wide(lang))
    if roll < 0.68:
        # Two in one breath, or foreign words around: the grammar must not be all that is ever heard.
        parts = [any_sentence(), any_sentence() if rng.random() < 0.6 else salad(lang, rng, *lists[lang])]
        rng.shuffle(parts)
        return ("" if lang == "zh" else " ").join(parts)
    return sentence(lang, rng)


class Erring:
    """Speaks sentences of which a part has a fault or a pause."""

    # Of the sentences with a fault, and of the others, so many have a pause; of all so many are in the starter voice.
    PAUSES, SOUND_PAUSES, STARTER = 0.4, 0.2, 0.25

    def __init__(self, share: float) -> None:
        self.share, self.guard = share, Guard()

    def clip(self, espeak: Espeak, text: str, other: str, lang: str, rng: random.Random):
        """The samples and the text as it is said; `None` where the sentence must not be trained on. What leaks is of `other`."""
        # Said otherwise, a test sentence would not be known again.
        if not self.guard.allowed(text, lang):
            return None
        said, at, pauses = faults.units(text, lang), None, self.SOUND_PAUSES
        if len(said) > 1 and rng.random() < self.share * (1 if lang == "en" else 0.5):
            said, at = faults.err(rng.choice(faults.FAULTS), said, faults.units(other, lang), lang, rng)
            pauses = self.PAUSES
        before = faults.pause(len(said), at, rng) if rng.random() < pauses else None
        starter = rng.random() < self.STARTER
        whole = faults.joined(said, lang)
        if before is None and not starter:
            return clip(espeak, whole, lang, rng), whole
        parts = [whole] if before is None else [faults.joined(said[:before], lang), faults.joined(said[before:], lang)]
        return stopping(espeak, parts, lang, rng, starter), whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=80000)
    parser.add_argument("--english", type=float, default=0.7, help="share of English clips")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--errs", type=float, default=0.0, help="share of English clips that say something twice, swallow or leak")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(args.seed)
    espeak, erring = Espeak(), Erring(args.errs) if args.errs else None
    lists = {"zh": (chinese_words(), hanzi()), "en": (english_words(), [])}
    done = 0
    while done < args.clips:
        clips: list = []
        while len(clips) < 1000:
            lang = "en" if rng.random() < args.english else "zh"
            text = text_of(lang, rng, lists)
            if erring is None:
                samples = clip(espeak, text, lang, rng)
            elif (said := erring.clip(espeak, text, text_of(lang, rng, lists), lang, rng)) is not None:
                samples, text = said
            else:
                continue
            if 4000 < len(samples) < 16000 * 9:
                clips.append((samples, text, lang))
        name = f"{args.seed:03}-{done // 1000:05}"
        shards.write(args.folder, name, clips)
        done += 1000
        print(name, done, flush=True)


if __name__ == "__main__":
    main()
