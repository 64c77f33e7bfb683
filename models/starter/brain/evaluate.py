"""Measures the brain on the held-out cases of `heldout.jsonl`: `python evaluate.py DIR [--show N]`.

Greedy, the model alone: the daemon's rules answer some of these cases before the model is asked (the daemon's own
tests print figures with and without them).
"""

from __future__ import annotations

import argparse
import collections
import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from dialogues import LABELS
from heldout import prompt
from model import Qwen2, rope

HERE = Path(__file__).parent


class Brain:
    """The model directory, decoding greedily with a key-value cache."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.net = Qwen2(self.config).eval()
        self.net.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.end = self.tokenizer.token_to_id("<|im_end|>")

    def attend(self, a, x, start: int, cache: list):
        """One attention layer over the cached rows and the new ones."""
        count = x.shape[0]
        split = lambda t, n: t.reshape(1, count, n, a.dim).transpose(1, 2)
        positions = torch.arange(start, start + count)[None]
        q, k = rope(split(a.q_proj(x), a.heads), positions, a.theta), rope(split(a.k_proj(x), a.groups), positions, a.theta)
        v = split(a.v_proj(x), a.groups)
        if cache:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        cache[:] = [k, v]
        k, v = (t.repeat_interleave(a.heads // a.groups, 1) for t in (k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(a.dim)
        scores += torch.full((count, start + count), -1e4).triu(start + 1)
        return a.o_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(count, -1))

    def step(self, ids: list[int], start: int, caches: list[list]) -> int:
        """Feeds tokens; gives the likeliest next one."""
        x = self.net.model.embed_tokens(torch.tensor(ids))
        for layer, cache in zip(self.net.model.layers, caches):
            x = x + self.attend(layer.self_attn, layer.input_layernorm(x), start, cache)
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return int((self.net.model.norm(x[-1]) @ self.net.model.embed_tokens.weight.T).argmax())

    @torch.no_grad()
    def answer(self, text: str, most: int = 48) -> str:
        """The reply to a prompt."""
        ids, out, caches = self.tokenizer.encode(text, add_special_tokens=False).ids, [], [[] for _ in self.net.model.layers]
        token = self.step(ids, 0, caches)
        while token != self.end and len(out) < most:
            out.append(token)
            token = self.step([token], len(ids) + len(out) - 1, caches)
        return self.tokenizer.decode(out)


def parts(reply: str, lang: str) -> tuple[str | None, str]:
    """The emotion of a valid leading tag, and the rest."""
    for key, labels in LABELS.items():
        tag = f"[{labels[0 if lang == 'zh' else 1]}]"
        if reply.startswith(tag):
            return key, reply[len(tag):].strip()
    return None, reply


def fits(case: dict, body: str) -> bool:
    """Whether the words of a reply are right; cases about feelings ask for no words."""
    want, low = case["expect"], body.lower()
    if "value" in want:
        return want["value"].lower() in low
    if any(v.lower() in low for v in want.get("not", [])):
        return False
    return not want.get("any") or any(w.lower() in low for w in want["any"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=Path, default=HERE / "heldout.jsonl")
    parser.add_argument("--show", type=int, default=0, help="wrong replies to print of every kind")
    parser.add_argument("--every", type=int, default=1, help="only every n-th case")
    args = parser.parse_args()
    torch.set_num_threads(1)
    brain, table, shown = Brain(args.folder), collections.defaultdict(collections.Counter), collections.Counter()
    for line in args.cases.read_text(encoding="utf-8").splitlines()[:: args.every]:
        case = json.loads(line)
        reply = brain.answer(prompt(case))
        emotion, body = parts(reply, case["lang"])
        feelings = case["expect"].get("emotions")
        right, fitting = fits(case, body), not feelings or emotion in feelings
        name = (case["lang"], case["kind"])
        table[name].update(count=1, tag=emotion is not None, right=right, fitting=fitting, exact=not feelings or emotion == feelings[0])
        wrong = not fitting if case["kind"].startswith("emotion") else not right
        if wrong and shown[name] < args.show:
            shown[name] += 1
            print("   ", case["question"], "|", reply, "|", case["expect"])
    for (lang, kind), row in table.items():
        share = lambda key: f"{100 * row[key] / row['count']:.0f} %"
        words = f"fitting emotion {share('fitting')} (the one meant {share('exact')})" if kind.startswith("emotion") else f"right {share('right')}, fitting emotion {share('fitting')}"
        print(f"{lang} {kind}: {words} of {row['count']}")
    for lang in ("zh", "en"):
        rows = [row for (l, _), row in table.items() if l == lang]
        print(f"{lang} valid tag: {100 * sum(r['tag'] for r in rows) / sum(r['count'] for r in rows):.1f} %")


if __name__ == "__main__":
    main()
