"""Conversations as the daemon lays them out: one prefix, several ways to go on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

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
    if roll < 0.45:
        return odd_value(lang, rng)
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


def scene(lang: str, rng: random.Random) -> Scene:
    """A random situation."""
    table = ZH if lang == "zh" else EN
    me = rng.choice(("小伴" if lang == "zh" else "Companion", odd_value(lang, rng), lexicon.value("name", lang, rng)))
    s = Scene(lang, me, persona=rng.choice(PERSONAS[lang]), mood=rng.choice(list(LABELS)))
    s.time, s.clock = clock(rng, lang)
    keys = rng.sample(list(table), rng.choice((0, 1, 1, 2, 3, 4, 5)))
    said = "用户说：" if lang == "zh" else "user said: "
    for key in keys:
        s.facts[key] = slot(table[key]["kind"], lang, rng)
        line = rng.choice(table[key]["say"]).format(v=s.facts[key])
        if rng.random() < 0.12:
            s.core.append(line if rng.random() < 0.5 else said + line)
        else:
            note = said if rng.random() < 0.85 else ""
            s.memories.append(f"{rng.randint(2024, 2031)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {note}{line}")
    rng.shuffle(s.memories)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
        s.rounds.append(exchange(s, rng))
    return s


def recall(s: Scene, rng: random.Random, known: bool) -> tuple[str, str]:
    """A question about a fact, or about one that nobody told."""
    table = ZH if s.lang == "zh" else EN
    pool = [k for k in table if (k in s.facts) == known]
    if not pool:
        return exchange(s, rng)
    key = rng.choice(pool)
    question = rng.choice(table[key]["ask"]) + rng.choice(("", "", "", "？" if s.lang == "zh" else "?"))
    if known:
        return question, tagged("happy", rng.choice(table[key]["answer"]).format(v=s.facts[key]), s.lang)
    return question, tagged("calm", rng.choice(UNKNOWN[s.lang]), s.lang)


def tell(s: Scene, rng: random.Random) -> tuple[str, str]:
    """A statement to be acknowledged; sometimes with "remember"."""
    table = ZH if s.lang == "zh" else EN
    key = rng.choice(list(table))
    value = slot(table[key]["kind"], s.lang, rng)
    said = rng.choice(table[key]["say"]).format(v=value)
    if rng.random() < 0.3:
        said = (rng.choice(("记住", "请记住", "帮我记住", "你要记住")) if s.lang == "zh" else rng.choice(("remember that ", "please remember that ", "remember "))) + said
    return said, tagged("happy", rng.choice(table[key]["ack"]).format(v=value), s.lang)


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


def topical(s: Scene, rng: random.Random) -> tuple[str, str]:
    """Small talk, feelings, requests."""
    replies = REPLIES_ZH if s.lang == "zh" else REPLIES_EN
    inputs = INPUTS_ZH if s.lang == "zh" else INPUTS_EN
    topic = rng.choice(list(replies) + ["feelings_good", "feelings_sad", "feelings_angry", "surprise", "love"])
    emotion, texts = replies[topic]
    said = rng.choice(inputs[topic]) if topic in inputs else fill(rng.choice(topics(s.lang)[topic]), s.lang, rng)
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
        return rng.choice(("我刚才说了什么", "我刚刚说什么", "我说了什么")), tagged("calm", f"你刚才说：{words}", s.lang)
    return rng.choice(("what did i just say", "what did i say", "what was it that i said")), tagged("calm", f"You said: {words}", s.lang)


def exchange(s: Scene, rng: random.Random) -> tuple[str, str]:
    """One random round."""
    return rng.choice((topical, topical, tell, about_time))(s, rng)


def branches(s: Scene, rng: random.Random, count: int = 8) -> list[tuple[str, str]]:
    """Several ways to go on from one prefix, as (input with frame, reply)."""
    out = []
    for _ in range(count):
        roll = rng.random()
        if roll < 0.34:
            pair = recall(s, rng, known=True)
        elif roll < 0.44:
            pair = recall(s, rng, known=False)
        elif roll < 0.55:
            pair = tell(s, rng)
        elif roll < 0.62:
            pair = about_time(s, rng)
        elif roll < 0.65:
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
