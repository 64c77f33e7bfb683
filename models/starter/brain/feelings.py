"""Learns which feeling a sentence speaks of: `python brain/feelings.py OUT.tsv`.

Multinomial logistic regression over the n-grams in a sentence (Chinese: one and two characters; English: words, their
first five letters, pairs of words), for `dialogue::feelings`. Sentences: `feelings_*.txt` (written one by one, MIT), the
training events, and everyday sentences and facts of the grammars as calm ones. The test events stay out.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import torch

import attributes
import dialogues
import events
import events_more
import events_wide
import facts
import test_events
from grammar.expand import fill, topics

HERE = Path(__file__).parent
FEELINGS = ("calm", "happy", "sad", "angry", "surprised", "coquettish")
OF_TOPIC = {"feelings_good": "happy", "feelings_sad": "sad", "feelings_angry": "angry", "surprise": "surprised", "love": "coquettish"}
# Weights smaller than this are dropped from the file.
SMALL = 0.12
# Of large weights.
PENALTY = 0.3


def grams(text: str, lang: str) -> set[str]:
    """The n-grams of a sentence, as `dialogue::feelings` takes them."""
    text = text.lower().replace("’", "'")
    if lang == "zh":
        chars = [c for c in text if c.isalnum()]
        return {*chars, *(a + b for a, b in zip(chars, chars[1:]))}
    words = re.findall(r"[a-z0-9']+", text)
    return {*words, *("^" + w[:5] for w in words), *(f"{a} {b}" for a, b in zip(words, words[1:]))}


def written(lang: str) -> list[tuple[str, str]]:
    """The sentences of `feelings_*.txt` with their feeling."""
    rows, feeling = [], ""
    for line in (HERE / f"feelings_{lang}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            feeling = line[2:]
        elif line:
            rows.append((line, feeling))
    return rows


def examples(lang: str, rng: random.Random) -> list[tuple[str, str, float]]:
    """Sentence, feeling, weight."""
    tests = test_events.ZH if lang == "zh" else test_events.EN
    held = {text.lower() for texts in tests.values() for text in texts}
    rows = [(text, feeling, 1.5) for text, feeling in written(lang)]
    own = {topic: templates for topic, templates in topics(lang).items() if topic in OF_TOPIC}
    for table in (own, *(getattr(module, lang.upper()) for module in (events, events_more, events_wide))):
        for topic, templates in table.items():
            for template in templates:
                texts = sorted({fill(template, lang, rng).lower() for _ in range(20)})
                rows += [(text, OF_TOPIC[topic], 5 / len(texts)) for text in texts]
    calm = {topic: templates for topic, templates in topics(lang).items() if topic not in OF_TOPIC and topic not in ("health", "talk")}
    rows += [(fill(template, lang, rng).lower(), "calm", 0.7) for templates in calm.values() for template in templates for _ in range(2)]
    rows += [(text, "calm", 0.4) for text in facts_of(lang, rng, 1500)]
    return [row for row in rows if row[0] not in held]


def facts_of(lang: str, rng: random.Random, count: int) -> list[str]:
    """What people tell of themselves and ask about it, without any feeling."""
    table = facts.ZH if lang == "zh" else facts.EN
    texts = []
    for number in range(count):
        spec = rng.choice(list(table.values())) if number % 3 == 0 else dialogues.new_attribute(lang, rng)[1]
        value = dialogues.slot(spec["kind"], lang, rng)
        told = attributes.wrapped(rng.choice(spec["say"]).format(v=value), lang, rng, True)
        texts.append(told if rng.random() < 0.6 else dialogues.asked(spec, lang, rng))
    return [text.lower() for text in texts]


class Table:
    """Weights of the n-grams of a language."""

    def __init__(self, lang: str, rng: random.Random) -> None:
        rows = examples(lang, rng)
        self.lang, found = lang, [grams(text, lang) for text, _, _ in rows]
        self.index = {gram: i for i, gram in enumerate(sorted(set().union(*found)))}
        places = torch.tensor([[r, self.index[g]] for r, gs in enumerate(found) for g in sorted(gs)]).T
        x = torch.sparse_coo_tensor(places, torch.ones(places.shape[1]), (len(rows), len(self.index))).coalesce()
        y = torch.tensor([FEELINGS.index(feeling) for _, feeling, _ in rows])
        weight = torch.tensor([w for _, _, w in rows])
        self.weights = torch.zeros(len(self.index), len(FEELINGS), requires_grad=True)
        self.bias = torch.zeros(len(FEELINGS), requires_grad=True)
        optimizer = torch.optim.LBFGS([self.weights, self.bias], max_iter=150, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = (torch.nn.functional.cross_entropy(torch.sparse.mm(x, self.weights) + self.bias, y, reduction="none") * weight).sum() + PENALTY * self.weights.square().sum()
            value.backward()
            return value

        optimizer.step(loss)
        self.table = {g: self.weights[i].detach() for g, i in self.index.items() if self.weights[i].abs().max() >= SMALL}
        print(lang, len(rows), "sentences,", len(self.table), "of", len(self.index), "n-grams")

    def scores(self, text: str) -> torch.Tensor:
        """Probabilities of the feelings."""
        return (self.bias.detach() + sum((self.table[g] for g in grams(text, self.lang) if g in self.table), torch.zeros(len(FEELINGS)))).softmax(0)

    def lines(self) -> list[str]:
        """The table as text: language, n-gram, weights."""
        numbers = lambda row: "\t".join(f"{100 * v:.0f}" for v in row.tolist())
        return [f"{self.lang}\t\t{numbers(self.bias.detach())}", *(f"{self.lang}\t{g}\t{numbers(w)}" for g, w in self.table.items())]


def report(table: Table, rng: random.Random) -> None:
    """Test events, and how many everyday sentences get a feeling that they do not speak of."""
    tests = test_events.ZH if table.lang == "zh" else test_events.EN
    right = {feeling: sum(FEELINGS[int(table.scores(t).argmax())] == feeling for t in texts) for feeling, texts in tests.items()}
    trained = [(fill(t, table.lang, rng).lower(), OF_TOPIC[topic]) for topic, ts in topics(table.lang).items() if topic in OF_TOPIC for t in ts for _ in range(3)]
    print(table.lang, f"events of the grammar {100 * sum(FEELINGS[int(table.scores(t).argmax())] == f for t, f in trained) / len(trained):.1f} %")
    print(table.lang, {f: f"{n} of {len(tests[f])}" for f, n in right.items()}, f"{100 * sum(right.values()) / sum(map(len, tests.values())):.1f} %")
    plain = facts_of(table.lang, random.Random(77), 400)
    for bound in (0.4, 0.45, 0.5, 0.6):
        loud = [t for t in plain if (s := table.scores(t)).argmax() > 0 and s.max() >= bound]
        kept = sum((s := table.scores(t)).max() >= bound and FEELINGS[int(s.argmax())] == f for f, ts in tests.items() for t in ts)
        print(f"  at {bound}: {100 * len(loud) / len(plain):.1f} % of {len(plain)} plain sentences, {100 * kept / sum(map(len, tests.values())):.0f} % of the tests", loud[:3])


def main() -> None:
    rng = random.Random(5)
    lines = ["# Which feeling a sentence speaks of: language, n-gram, weights in hundredths of " + " ".join(FEELINGS) + ".", "# Made by models/starter/brain/feelings.py; the line without n-gram is the bias."]
    for lang in ("zh", "en"):
        table = Table(lang, rng)
        report(table, rng)
        lines += table.lines()
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
