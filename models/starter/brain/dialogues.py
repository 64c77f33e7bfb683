"""Conversations as the daemon lays them out: one prefix, several ways to go on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import events
import events_more
import events_wide
from attributes import FAMILIES, attribute, wrapped
from facts import EN, UNKNOWN, ZH
from grammar import lexicon
from grammar.expand import fill, sentence, topics
from replies import EN as REPLIES_EN, INPUTS_EN, INPUTS_ZH, ZH as REPLIES_ZH

LABELS = {"happy": ("开心", "happy"), "angry": ("生气", "angry"), "sad": ("伤心", "sad"), "surprised": ("惊讶", "surprised"), "coquettish": ("撒娇", "coquettish"), "calm": ("平静", "calm")}
WEEK_ZH = "一二三四五六日"
WEEK_EN = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COMMON = [chr(c) for c in range(0x4E00, 0x9FA5)]
PERSONAS = {
    "zh": ["一个温柔的朋友。", "住在这个家里的伙伴，说话简短、温暖、诚实。", "一个活泼的女孩。", "一位可靠的助手。", "喜欢听人说话的小伙伴。", "一个聪明的管家。"],
    "en": ["a kind friend.", "a companion who lives in this home and speaks shortly, warmly and honestly.", "a cheerful girl.", "a reliable helper.", "a good listener.", "a clever butler."],
}


@dataclass
class Scene:
    """A prefix up to the input, and the facts that stand in it."""

    lang: str
    me: str
    core: list[str] = field(default_factory=list)
    rounds: list[tuple[str, str]] = field(default_factory=list)
    memories: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    specs: dict[str, dict] = field(default_factory=dict)
    persona: str = ""
    time: str = ""
    mood: str = "calm"
    clock: tuple[int, int, int, int, int, int] = (2026, 1, 1, 0, 0, 0)

    def prefix(self) -> str:
        """Everything before the input."""
        zh = self.lang == "zh"
        tags = " ".join(f"[{LABELS[k][0 if zh else 1]}]" for k in ("happy", "angry", "sad", "surprised", "coquettish", "calm"))
        if zh:
            system = f"你是{self.me}，{self.persona}\n回答先写一个情感标签，只用：{tags}。\n只说记忆里有的事；不知道就说不知道。\n[关于用户]"
        else:
            system = f"You are {self.me}, {self.persona}\nBegin every reply with one emotion tag from: {tags}.\nSay only what the memories say; if you do not know, say so.\n[About the user]"
        none = "无" if zh else "none"
        system += "".join(f"\n- {c}" for c in self.core) if self.core else f" {none}"
        text = f"<|im_start|>system\n{system}<|im_end|>\n"
        for said, reply in self.rounds:
            text += f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n{reply}<|im_end|>\n"
        words = ("[记忆]", "[时间]", "[心情]", "[输入]") if zh else ("[Memories]", "[Time]", "[Mood]", "[Input]")
        block = words[0] + ("".join(f"\n- {m}" for m in self.memories) if self.memories else f" {none}")
        mood = LABELS[self.mood][0 if zh else 1]
        return text + f"<|im_start|>user\n{block}\n{words[1]} {self.time}\n{words[2]} {mood}\n{words[3]} "

    def branch(self, said: str, reply: str) -> tuple[str, str]:
        """Input with the turn's frame, and what is to be learnt."""
        return f"{said}<|im_end|>\n<|im_start|>assistant\n", f"{reply}<|im_end|>"


def tagged(emotion: str, text: str, lang: str) -> str:
    """A reply with its tag."""
    return f"[{LABELS[emotion][0 if lang == 'zh' else 1]}] {text}"


def odd_value(lang: str, rng: random.Random) -> str:
    """A value that no list holds, so that copying is learnt and not the lists."""
    if lang == "zh":
        return "".join(rng.choice(COMMON) for _ in range(rng.randint(1, 4)))
    letters = "".join(rng.choice(("b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")) + rng.choice("aeiou") for _ in range(rng.randint(1, 4)))
    return letters + rng.choice(("", "n", "r", "s", "l"))


def slot(kind: str, lang: str, rng: random.Random) -> str:
    """A listed value, an odd one, or a number in digits."""
    roll = rng.random()
    if kind == "odd" and roll >= 0.3:
        kind = rng.choice(("food", "city", "hobby", "animal", "name", "pet", "job", "music", "thing", "number"))
    elif roll < 0.4 or kind == "odd":
        joint = "" if lang == "zh" else " "
        return joint.join(odd_value(lang, rng) for _ in range(1 + (rng.random() < 0.25)))
    if kind in ("age", "number") and roll < 0.7:
        return str(rng.randint(2, 9999 if kind == "number" else 99))
    text = lexicon.value(kind, lang, rng)
    return text.lower() if lang == "en" and rng.random() < 0.6 else text


def clock(rng: random.Random, lang: str) -> tuple[str, tuple]:
    """A moment in words, and its numbers (year, month, day, weekday, hour, minute)."""
    y, m, d, w, h, n = rng.randint(2024, 2031), rng.randint(1, 12), rng.randint(1, 28), rng.randrange(7), rng.randrange(24), rng.randrange(60)
    if lang == "zh":
        return f"{y}年{m}月{d}日 星期{WEEK_ZH[w]} {h}:{n:02}", (y, m, d, w, h, n)
    return f"{WEEK_EN[w]}, {d} {lexicon.EN_MONTHS[m - 1]} {y}, {h}:{n:02}", (y, m, d, w, h, n)


def third_person(line: str, lang: str) -> str:
    """What a person said about themselves, as a note about them."""
    if lang == "zh":
        return line.replace("我的", "用户的", 1) if "我的" in line else line.replace("我", "用户", 1)
    for a, b in (("i'm ", "the user is "), ("i am ", "the user is "), ("my ", "the user's "), ("i have ", "the user has "), ("i like ", "the user likes "), ("i live ", "the user lives "), ("i ", "the user: i ")):
        if line.startswith(a):
            return b + line[len(a):]
    return line


def new_attribute(lang: str, rng: random.Random) -> tuple[str, dict]:
    """One of the fixed attributes, or one made on the fly."""
    table = ZH if lang == "zh" else EN
    if rng.random() < 0.45:
        key = rng.choice(list(table))
        return key, table[key]
    return attribute(lang, rng, odd_value)


def memory_line(spec: dict, value: str, lang: str, rng: random.Random) -> str:
    """How a fact stands in memory: quoted, or as a note."""
    said = "用户说：" if lang == "zh" else "user said: "
    line = rng.choice(spec["say"]).format(v=value)
    roll = rng.random()
    if roll < 0.70:
        if rng.random() < 0.15:
            line = wrapped(line, lang, rng, True)
        if lang == "en" and rng.random() < 0.2 and not line.startswith(value):
            line = line[0].upper() + line[1:] + rng.choice(("", "."))
        return said + line
    if roll < 0.90:
        return spec["note"].format(v=value) if "note" in spec else third_person(line, lang)
    return line


def scene(lang: str, rng: random.Random) -> Scene:
    """A random situation."""
    me = rng.choice(("小伴" if lang == "zh" else "Companion", "小伴" if lang == "zh" else "Companion", odd_value(lang, rng), lexicon.value("name", lang, rng)))
    s = Scene(lang, me, persona=rng.choice(PERSONAS[lang]), mood=rng.choice(list(LABELS)))
    s.time, s.clock = clock(rng, lang)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4, 5, 6))):
        key, spec = new_attribute(lang, rng)
        if key in s.facts or clashes(spec, s.specs):
            continue
        value = slot(spec["kind"], lang, rng)
        s.facts[key], s.specs[key] = value, spec
        line = memory_line(spec, value, lang, rng)
        if rng.random() < 0.12:
            s.core.append(line)
        else:
            s.memories.append(f"{rng.randint(2024, 2031)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {line}")
    if rng.random() < 0.3:
        # Something that is no fact about an attribute.
        topic = rng.choice(("feelings_good", "feelings_sad", "plans", "smalltalk"))
        said = "用户说：" if lang == "zh" else "user said: "
        s.memories.append(f"{rng.randint(2024, 2031)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {said}{fill(rng.choice(topics(lang)[topic]), lang, rng)}")
    rng.shuffle(s.memories)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
        s.rounds.append(exchange(s, rng))
    return s


def clashes(spec: dict, specs: dict[str, dict]) -> bool:
    """Whether a question about `spec` is also one about something known."""
    return any(set(spec["ask"]) & set(known["ask"]) for known in specs.values())


def asked(spec: dict, lang: str, rng: random.Random) -> str:
    """A question in one of its phrasings."""
    text = wrapped(rng.choice(spec["ask"]), lang, rng, False)
    if lang == "en" and rng.random() < 0.2:
        text = text[0].upper() + text[1:]
    return text + rng.choice(("", "", "", "？" if lang == "zh" else "?"))


def recall(s: Scene, rng: random.Random, known: bool) -> tuple[str, str]:
    """A question about a fact, or about one that nobody told."""
    if known and not s.facts:
        return exchange(s, rng)
    if known:
        key = rng.choice(list(s.facts))
        spec, value = s.specs[key], s.facts[key]
        return asked(spec, s.lang, rng), tagged("happy", rng.choice(spec["answer"]).format(v=value), s.lang)
    while True:
        key, spec = new_attribute(s.lang, rng)
        if rng.random() < 0.4 and s.facts:
            # The same kind of thing as one that is known, but another one.
            family = rng.choice(list(s.facts)).split()[0]
            if family in FAMILIES:
                key, spec = attribute(s.lang, rng, odd_value, family)
        if key not in s.facts and not clashes(spec, s.specs):
            return asked(spec, s.lang, rng), tagged("calm", rng.choice(UNKNOWN[s.lang]), s.lang)


def tell(s: Scene, rng: random.Random) -> tuple[str, str]:
    """A statement to be acknowledged; sometimes with "remember"."""
    _, spec = new_attribute(s.lang, rng)
    value = slot(spec["kind"], s.lang, rng)
    said = wrapped(rng.choice(spec["say"]).format(v=value), s.lang, rng, True)
    if s.lang == "en" and rng.random() < 0.2 and not said.startswith(value):
        said = said[0].upper() + said[1:] + rng.choice(("", "."))
    if isinstance(spec.get("ack"), list):
        ack = rng.choice(spec.get("ack"))
    else:
        answer = spec["answer"][0]
        ack = "我记住了，" + answer if s.lang == "zh" else "I will remember that. " + answer
    return said, tagged("happy", ack.format(v=value), s.lang)


def about_time(s: Scene, rng: random.Random) -> tuple[str, str]:
    """Time, date and weekday from the block."""
    y, m, d, w, h, n = s.clock
    if s.lang == "zh":
        kind = rng.choice(("time", "date", "week"))
        asks = {"time": ["现在几点了", "几点了", "现在什么时间", "告诉我时间"], "date": ["今天几号", "今天是几月几号", "今天是什么日子"], "week": ["今天星期几", "今天是星期几", "今天周几"]}
        answers = {"time": f"现在是{h}:{n:02}。", "date": f"今天是{y}年{m}月{d}日。", "week": f"今天是星期{WEEK_ZH[w]}。"}
    else:
        kind = rng.choice(("time", "date", "week"))
        asks = {"time": ["what time is it", "what's the time", "tell me the time"], "date": ["what is the date", "what's the date today", "what is today's date"], "week": ["what day is it", "which day is it today", "what day is today"]}
        answers = {"time": f"It is {h}:{n:02}.", "date": f"Today is {d} {lexicon.EN_MONTHS[m - 1]} {y}.", "week": f"Today is {WEEK_EN[w]}."}
    return rng.choice(asks[kind]), tagged("calm", answers[kind], s.lang)


EMOTIONAL = ("feelings_good", "feelings_sad", "feelings_angry", "surprise", "love")
LEADS = {
    "zh": ["今天", "唉", "哎", "我跟你说", "你知道吗", "小伴", "刚才", "那个", "其实", "听我说"],
    "en": ["today ", "oh ", "you know ", "companion ", "listen ", "well ", "i have to tell you ", "hey ", "just now ", "so "],
}
TALK = {
    lang: {topic: templates + extra.get(topic, []) + more.get(topic, []) * 2 + wide.get(topic, []) * 2 + asks.get(topic, []) for topic, templates in topics(lang).items()}
    for lang, extra, more, wide, asks in (
        ("zh", events.ZH, events_more.ZH, events_wide.ZH, events_more.INPUTS_ZH), ("en", events.EN, events_more.EN, events_wide.EN, events_more.INPUTS_EN),
    )
}


def topical(s: Scene, rng: random.Random) -> tuple[str, str]:
    """Small talk, feelings, requests."""
    replies = REPLIES_ZH if s.lang == "zh" else REPLIES_EN
    inputs, more = (INPUTS_ZH, events_more.INPUTS_ZH) if s.lang == "zh" else (INPUTS_EN, events_more.INPUTS_EN)
    topic = rng.choice(list(replies) + list(EMOTIONAL) * 6)
    emotion, texts = replies[topic]
    said = rng.choice(inputs[topic] + more[topic]) if topic in inputs else fill(rng.choice(TALK[s.lang][topic]), s.lang, rng)
    if topic in EMOTIONAL and rng.random() < 0.15:
        said = rng.choice(LEADS[s.lang]) + said
    if s.lang == "en" and rng.random() < 0.3:
        said = said[0].upper() + said[1:] + rng.choice((".", "!", ""))
    if s.lang == "zh" and rng.random() < 0.3:
        said += rng.choice(("。", "！", "，", ""))
    return said, tagged(emotion, rng.choice(texts).format(me=s.me), s.lang)


def last_said(s: Scene, rng: random.Random) -> tuple[str, str]:
    """What did I just say?"""
    if not s.rounds:
        said, nothing = ("我刚才说了什么", "你刚才还没有说什么。") if s.lang == "zh" else ("what did i just say", "You have not said anything yet.")
        return said, tagged("calm", nothing, s.lang)
    words = s.rounds[-1][0]
    if s.lang == "zh":
        return rng.choice(("我刚才说了什么", "我刚刚说什么", "我说了什么", "我刚才讲了什么", "重复我刚才的话", "我前面说什么了", "我最后说了什么", "把我刚说的再说一遍")), tagged("calm", f"你刚才说：{words}", s.lang)
    return rng.choice(("what did i just say", "what did i say", "what was it that i said", "repeat what i said", "what did i tell you just now", "say what i just said", "what was the last thing i said", "can you repeat what i said")), tagged("calm", f"You said: {words}", s.lang)


def exchange(s: Scene, rng: random.Random) -> tuple[str, str]:
    """One random round."""
    return rng.choice((topical, topical, tell, about_time))(s, rng)


def branches(s: Scene, rng: random.Random, count: int = 8) -> list[tuple[str, str]]:
    """Several ways to go on from one prefix, as (input with frame, reply)."""
    out = []
    for _ in range(count):
        roll = rng.random()
        if roll < 0.32:
            pair = recall(s, rng, known=True)
        elif roll < 0.44:
            pair = recall(s, rng, known=False)
        elif roll < 0.54:
            pair = tell(s, rng)
        elif roll < 0.57:
            pair = about_time(s, rng)
        elif roll < 0.61:
            pair = last_said(s, rng)
        else:
            pair = topical(s, rng)
        out.append(s.branch(*pair))
    return out


def corpus(lang: str, count: int, seed: int) -> list[str]:
    """Plain text to count tokens on."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        s = scene(lang, rng)
        lines += [s.prefix()] + ["".join(b) for b in branches(s, rng)] + [sentence(lang, rng)]
    return lines
