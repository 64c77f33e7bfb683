"""Turns templates into sentences."""

from __future__ import annotations

import random
import re

from . import lexicon, more_en, more_zh, sentences_en, sentences_zh

CHOICE = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{(\w+)\}")


def fill(template: str, lang: str, rng: random.Random) -> str:
    """Picks one of every `(a|b|)`, innermost first, then fills the slots."""
    while (match := CHOICE.search(template)) is not None:
        options = match.group(1).split("|")
        template = template[: match.start()] + rng.choice(options) + template[match.end():]
    text = SLOT.sub(lambda m: lexicon.value(m.group(1), lang, rng), template)
    return " ".join(text.split())


def joined(*tables: dict[str, list[str]]) -> dict[str, list[str]]:
    """Tables of templates as one."""
    out: dict[str, list[str]] = {}
    for table in tables:
        for topic, templates in table.items():
            out.setdefault(topic, []).extend(templates)
    return out


ALL = {"zh": joined(sentences_zh.TOPICS, more_zh.TOPICS), "en": joined(sentences_en.TOPICS, more_en.TOPICS)}


def topics(lang: str) -> dict[str, list[str]]:
    """All templates of a language by topic."""
    return ALL[lang]


WEIGHTS = {lang: [min(len(templates), 40) ** 0.5 for templates in table.values()] for lang, table in ALL.items()}


def sentence(lang: str, rng: random.Random) -> str:
    """A random sentence: topics evenly, templates evenly within a topic, with a little talk around."""
    table = topics(lang)
    topic = rng.choices(list(table), WEIGHTS[lang])[0]
    text = fill(rng.choice(table[topic]), lang, rng)
    if topic in ("commands", "greeting") or rng.random() < 0.75:
        return text
    if lang == "zh":
        before = rng.choice(["", "", "那个", "嗯", "其实", "对了", "我告诉你", "你知道吗", "小伴", "请问", "我想说", "哎", "听我说", "不过", "所以", "因为", "然后", "但是"])
        after = rng.choice(["", "", "", "啊", "呢", "吧", "好不好", "谢谢", "你说呢", "可以吗", "对吗", "知道吗"])
        return before + text + after
    before = rng.choice(["", "", "well ", "so ", "hey ", "you know ", "i think ", "by the way ", "please ", "actually ", "listen ", "oh ", "and ", "but ", "companion ", "tell me "])
    after = rng.choice(["", "", "", " please", " you know", " right", " okay", " thank you", " now", " again", " too"])
    return before + text + after
