"""What a voice that errs says in place of a sentence: a unit swallowed, one or two said twice, a piece of another
sentence among its own. As `tests/src/bin/self_hearing/fault.rs` scripts it for the check of the companion's own voice,
but for words of three letters or less: English doubles those more often here, since the ears miss them most. Pure.

    python faults.py        # tests
"""

from __future__ import annotations

import random
import unittest

TWICE, BOTH_TWICE, SWALLOWED, LEAKED = "twice", "both twice", "swallowed", "leaked"
# One said twice is what ears that never heard it write once.
FAULTS = (TWICE,) * 11 + (BOTH_TWICE,) * 3 + (SWALLOWED,) * 3 + (LEAKED,) * 3
SHORT = 3


def units(text: str, lang: str) -> list[str]:
    """Words of English, characters of Chinese."""
    return text.split() if lang == "en" else list(text.replace(" ", ""))


def joined(parts: list[str], lang: str) -> str:
    """The text of units."""
    return (" " if lang == "en" else "").join(parts)


def place(all_: list[str], lang: str, rng: random.Random) -> int:
    """Where a unit is said twice; in two of three English sentences at a short word, where there is one."""
    short = [i for i, unit in enumerate(all_) if len(unit) <= SHORT] if lang == "en" and rng.random() < 2 / 3 else []
    return rng.choice(short) if short else rng.randrange(len(all_))


def err(fault: str, all_: list[str], other: list[str], lang: str, rng: random.Random) -> tuple[list[str], int]:
    """What is said in place of `all_`, two units at least, and where it differs first; what leaks is of `other`."""
    if fault == TWICE:
        at = place(all_, lang, rng)
        return all_[: at + 1] + all_[at:], at
    if fault == BOTH_TWICE:
        at = rng.randrange(len(all_) - 1)
        return all_[: at + 2] + all_[at:], at
    if fault == SWALLOWED:
        at = rng.randrange(len(all_))
        return all_[:at] + all_[at + 1 :], at
    at = rng.choice((0, len(all_), rng.randrange(1, len(all_))))
    return all_[:at] + other[: rng.randint(1, 3)] + all_[at:], at


def pause(count: int, at: int | None, rng: random.Random) -> int | None:
    """Before which of `count` units, not the first, a voice stops; near the fault at `at` more often than elsewhere."""
    if count < 2:
        return None
    near = [i for i in (at, at + 1, at + 2) if 0 < i < count] if at is not None and rng.random() < 0.7 else []
    return rng.choice(near) if near else rng.randrange(1, count)


class Tests(unittest.TestCase):
    def said(self, fault: str, text: str = "i like green tea", lang: str = "en") -> tuple[list[str], int]:
        return err(fault, units(text, lang), units("good night my dear", "en"), lang, random.Random(7))

    def test_each_fault_says_what_its_name_says(self) -> None:
        counts = [len(self.said(fault)[0]) for fault in (TWICE, BOTH_TWICE, SWALLOWED)]
        self.assertEqual(counts, [5, 6, 3])
        said, at = self.said(TWICE)
        self.assertEqual(said[at], said[at + 1])
        said, at = self.said(BOTH_TWICE)
        self.assertEqual(said[at : at + 2], said[at + 2 : at + 4])
        said, at = self.said(LEAKED)
        self.assertEqual(said[at], "good")

    def test_short_words_are_doubled_more_often(self) -> None:
        rng = random.Random(7)
        at = [place(units("tomorrow is wednesday afternoon", "en"), "en", rng) for _ in range(300)]
        self.assertGreater(at.count(1), 200)

    def test_chinese_errs_by_characters(self) -> None:
        said, at = self.said(TWICE, "我喜欢喝茶", "zh")
        self.assertEqual(joined(said, "zh"), "我喜欢喝茶"[: at + 1] + "我喜欢喝茶"[at:])

    def test_a_pause_is_within(self) -> None:
        rng = random.Random(7)
        self.assertEqual({pause(3, at, rng) for at in (None, 0, 1, 2, 3) for _ in range(60)}, {1, 2})
        self.assertIsNone(pause(1, 0, rng))


if __name__ == "__main__":
    unittest.main()
