"""Makes the held-out cases of the brain: `python heldout.py [FILE]` writes them as JSON lines (fixed seed; empty lists are left out).

Evaluators read them: `evaluate.py` here (the model alone), and the daemon's own dialogue (with and without rules).
The format is described in `../README.md`.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import test_events
import test_phrasings as test
from attributes import attribute
from dialogues import EMOTIONAL, LABELS, LEADS, PERSONAS, TALK, Scene, asked, clashes, exchange, memory_line, new_attribute, odd_value
from facts import EN, ZH
from grammar import lexicon, unseen
from grammar.expand import fill

SEED = 20261124
COUNTS = {"memory_trained": 70, "memory_unseen": 101, "absent_trained": 40, "absent_unseen": 40, "tell_trained": 30, "tell_unseen": 20, "last_said": 20, "time": 24, "emotion_trained": 40, "emotion_unseen": 95, "topic": 30}
UNKNOWN = {"zh": ["不知道", "没告诉", "没有告诉", "没说过", "没有说过"], "en": ["don't know", "do not know", "not told", "never told", "haven't told"]}
TOPIC_EMOTION = {"feelings_good": "happy", "feelings_sad": "sad", "feelings_angry": "angry", "surprise": "surprised", "love": "coquettish"}
# The first emotion of a case is the one meant; a pleasant surprise or a tender word may be met with joy as well.
ALSO = {"surprised": ["happy"], "coquettish": ["happy"]}


def value(kind: str, lang: str, rng: random.Random) -> str:
    """A value that no training list holds."""
    lists = unseen.ZH if lang == "zh" else unseen.EN
    if kind in lists:
        text = rng.choice(lists[kind])
        return text.lower() if lang == "en" and rng.random() < 0.5 else text
    if kind in ("number", "age"):
        return str(rng.randint(100, 99999) if kind == "number" else rng.randint(6, 90))
    if kind == "odd":
        return odd_value(lang, rng)
    return lexicon.value(kind, lang, rng)


class Maker:
    """Makes cases of one language."""

    def __init__(self, lang: str) -> None:
        self.lang, self.rng = lang, random.Random(f"{SEED} {lang}")
        self.zh = lang == "zh"
        self.trained = test.TRAINED_ZH if self.zh else test.TRAINED_EN
        self.unseen = test.UNSEEN_ZH if self.zh else test.UNSEEN_EN
        self.questions = [(row, q) for row in self.trained + self.unseen for q in row[2]]

    def base(self, kind: str) -> dict:
        """A case without its question: who, when, and what went before."""
        rng = self.rng
        now = datetime(2026, 1, 1) + timedelta(minutes=rng.randrange(60 * 24 * 1500))
        name = rng.choice(("小伴" if self.zh else "Companion", value("name", self.lang, rng)))
        case = {"lang": self.lang, "kind": kind, "now": now.strftime("%Y-%m-%dT%H:%M"), "name": name, "persona": rng.choice(PERSONAS[self.lang]), "mood": rng.choice(list(LABELS))}
        s = Scene(self.lang, name)
        s.clock = (now.year, now.month, now.day, now.weekday(), now.hour, now.minute)
        rounds = [exchange(s, rng) for _ in range(rng.choice((0, 0, 1)) if kind != "last_said" else rng.choice((1, 1, 2)))]
        return {**case, "history": rounds, "core": [], "memories": []}

    def remember(self, case: dict, line: str) -> None:
        """Adds a memory; `用户说：` and the like are its origin."""
        rng = self.rng
        date = (datetime.fromisoformat(case["now"]) - timedelta(days=rng.randint(1, 700))).strftime("%Y-%m-%d")
        said = next((p for p in ("用户说：", "user said: ") if line.startswith(p)), "")
        row = {"date": date, "said": bool(said), "text": line[len(said):]}
        case["core" if rng.random() < 0.08 else "memories"].append(row)

    def others(self, case: dict, count: int, specs: list[dict]) -> dict[str, str]:
        """Other facts around, none of which answers a question about `specs`."""
        known = {str(i): s for i, s in enumerate(specs)}
        out = {}
        while len(out) < count:
            key, spec = new_attribute(self.lang, self.rng)
            if key in out or clashes(spec, known):
                continue
            known[key], out[key] = spec, value(spec["kind"], self.lang, self.rng)
            self.remember(case, memory_line(spec, out[key], self.lang, self.rng))
        return out

    def memory(self, kind: str, number: int) -> dict:
        """A question about something that stands in memory."""
        case, rng = self.base(kind), self.rng
        if kind == "memory_trained":
            _, spec = new_attribute(self.lang, rng)
            v = value(spec["kind"], self.lang, rng)
            line, question = memory_line(spec, v, self.lang, rng), asked(spec, self.lang, rng)
        else:
            (of, say, asks), question = self.questions[number % len(self.questions)]
            v, spec = value(of, self.lang, rng), {"ask": asks}
            line = ("用户说：" if self.zh else "user said: ") + say.format(v=v)
        self.remember(case, line)
        self.others(case, rng.choice((0, 1, 2, 3)), [spec])
        rng.shuffle(case["memories"])
        return {**case, "question": question, "expect": {"value": v, "emotions": ["happy", "calm"]}}

    def absent(self, kind: str, number: int) -> dict:
        """A question about something that nobody told."""
        case, rng = self.base(kind), self.rng
        if kind == "absent_trained":
            _, spec = new_attribute(self.lang, rng)
            question = asked(spec, self.lang, rng)
            others = self.others(case, rng.choice((0, 1, 2, 3)), [spec])
        else:
            row, question = self.questions[(number * 7 + 3) % len(self.questions)]
            # What stands in memory are kinds of facts that no question of the test set is about.
            families = (("self", "favorite") if row in self.trained else ("relative", "dated"))
            spec, others = {"ask": [question]}, {}
            for _ in range(rng.choice((0, 1, 2))):
                key, other = attribute(self.lang, rng, odd_value, rng.choice(families))
                if other["kind"] != row[0] and key not in others:
                    others[key] = value(other["kind"], self.lang, rng)
                    self.remember(case, memory_line(other, others[key], self.lang, rng))
        return {**case, "question": question, "expect": {"any": UNKNOWN[self.lang], "not": list(others.values()), "emotions": ["calm", "sad"]}}

    def tell(self, kind: str, number: int) -> dict:
        """A statement to be acknowledged with its value."""
        case, rng = self.base(kind), self.rng
        if kind == "tell_trained":
            spec = rng.choice(list((ZH if self.zh else EN).values())) if rng.random() < 0.5 else attribute(self.lang, rng, odd_value)[1]
            v, say = value(spec["kind"], self.lang, rng), rng.choice(spec["say"])
        else:
            of, say = (test.TELL_ZH if self.zh else test.TELL_EN)[number]
            v = value(of, self.lang, rng)
        self.others(case, rng.choice((0, 1)), [])
        return {**case, "question": say.format(v=v), "expect": {"value": v, "emotions": ["happy", "calm"]}}

    def last_said(self, kind: str, number: int) -> dict:
        case = self.base(kind)
        asks = ("我刚才说了什么", "我刚刚说的是什么", "我上一句说的啥") if self.zh else ("what did i just say", "what were my last words", "what did i say a moment ago")
        return {**case, "question": asks[number % 3], "expect": {"value": case["history"][-1][0], "emotions": ["calm", "happy"]}}

    def time(self, kind: str, number: int) -> dict:
        case, zh = self.base(kind), self.zh
        now = datetime.fromisoformat(case["now"])
        month = lexicon.EN_MONTHS[now.month - 1]
        week = "星期" + "一二三四五六日"[now.weekday()] if zh else ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[now.weekday()]
        rows = [
            (("现在几点了", "这会儿是什么时刻") if zh else ("what time is it", "how late is it by the clock"), f"{now.hour}:{now.minute:02}"),
            (("今天几号", "今天的日期是多少") if zh else ("what is the date", "which date do we have today"), f"{now.month}月{now.day}日" if zh else f"{now.day} {month}"),
            (("今天星期几", "今天是礼拜几") if zh else ("what day is it", "which weekday is today"), week),
        ]
        asks, want = rows[number % 3]
        return {**case, "question": asks[(number // 3) % 2], "expect": {"value": want, "emotions": ["calm", "happy"]}}

    def emotion(self, kind: str, number: int) -> dict:
        """Something that moves: the reply's tag counts."""
        case, rng = self.base(kind), self.rng
        if kind == "emotion_trained":
            topic = EMOTIONAL[number % len(EMOTIONAL)]
            want, said = TOPIC_EMOTION[topic], fill(rng.choice(TALK[self.lang][topic]), self.lang, rng)
            said = (rng.choice(LEADS[self.lang]) if rng.random() < 0.15 else "") + said
        else:
            rows = [(e, text) for e, texts in (test_events.ZH if self.zh else test_events.EN).items() for text in texts]
            want, said = rows[number]
        self.others(case, rng.choice((0, 0, 1)), [])
        return {**case, "question": said, "expect": {"emotions": [want] + ALSO.get(want, [])}}

    def topic(self, kind: str, number: int) -> dict:
        """Small talk: a fitting reply has one of these words."""
        case = self.base(kind)
        said, words = (test.TOPIC_ZH if self.zh else test.TOPIC_EN)[number]
        return {**case, "question": said, "expect": {"any": list(words)}}

    def all(self) -> list[dict]:
        """The cases of every kind."""
        makers = {"memory": self.memory, "absent": self.absent, "tell": self.tell, "last": self.last_said, "time": self.time, "emotion": self.emotion, "topic": self.topic}
        return [makers[kind.split("_")[0]](kind, number) for kind, count in COUNTS.items() for number in range(count)]


def prompt(case: dict) -> str:
    """The case as the daemon lays it out, up to the reply."""
    zh, now = case["lang"] == "zh", datetime.fromisoformat(case["now"])
    said = "用户说：" if zh else "user said: "
    s = Scene(case["lang"], case["name"], persona=case["persona"], mood=case["mood"])
    week = "一二三四五六日"[now.weekday()] if zh else ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[now.weekday()]
    s.time = f"{now.year}年{now.month}月{now.day}日 星期{week} {now.hour}:{now.minute:02}" if zh else f"{week}, {now.day} {lexicon.EN_MONTHS[now.month - 1]} {now.year}, {now.hour}:{now.minute:02}"
    s.core = [m["text"] for m in case.get("core", [])]
    s.memories = [f"{m['date']} {said if m['said'] else ''}{m['text']}" for m in case.get("memories", [])]
    s.rounds = [tuple(r) for r in case.get("history", [])]
    return s.prefix() + s.branch(case["question"], "")[0]


def cases() -> list[dict]:
    """All cases, Chinese first."""
    return [{"id": f"{lang}-{i:03}", **case} for lang in ("zh", "en") for i, case in enumerate(Maker(lang).all())]


def assert_apart(rows: list[dict], draws: int = 30000) -> None:
    """No question of the unseen kinds is ever drawn by the training grammar, and no unseen value stands in its lists."""
    held = {c["question"].lower() for c in rows if c["kind"].endswith("unseen") or c["kind"] == "topic"}
    for lang in ("zh", "en"):
        rng = random.Random(1)
        for _ in range(draws):
            key, spec = new_attribute(lang, rng)
            assert not held & {q.lower() for q in spec["ask"]}, key
            said, _ = exchange(Scene(lang, "x"), rng)
            assert said.lower() not in held, said
    listed = {v.lower() for table in (lexicon.more.LISTS,) for pair in table.values() for values in pair for v in values} | {n.lower() for n in lexicon.EN_NAMES + lexicon.more.EN_NAMES}
    for table in (unseen.ZH, unseen.EN):
        for values in table.values():
            assert not listed & {v.lower() for v in values}, listed & {v.lower() for v in values}


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "heldout.jsonl"
    rows = cases()
    assert_apart(rows)
    path.write_text("".join(json.dumps({k: v for k, v in c.items() if v != []}, ensure_ascii=False, separators=(",", ":")) + "\n" for c in rows), encoding="utf-8")
    print(path, len(rows), "cases,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
