"""Measures the brain on fresh scenes of the grammar: `python evaluate.py DIR [--count N]`.

Names and values are drawn anew; half of them are in no list. Greedy, without the daemon's rules.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from dialogues import about_time, last_said, recall, scene, tell, topical
from model import Qwen2

UNKNOWN = ("不知道", "没告诉", "没有说过", "don't know", "not told", "never told")


class Brain:
    """The model directory, decoding greedily."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.net = Qwen2(self.config).eval()
        self.net.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.end = self.tokenizer.token_to_id("<|im_end|>")

    @torch.no_grad()
    def answer(self, prompt: str, most: int = 48) -> str:
        ids = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        out: list[int] = []
        while len(out) < most:
            rows = torch.tensor([ids + out])
            count = rows.shape[1]
            bias = torch.full((count, count), -1e4).triu(1)[None, None]
            token = int(self.net(rows, torch.arange(count)[None], bias)[0, -1].argmax())
            if token == self.end:
                break
            out.append(token)
        return self.tokenizer.decode(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=60)
    args = parser.parse_args()
    torch.set_num_threads(1)
    brain, rng = Brain(args.folder), random.Random(4242)
    kinds = {
        "fact from memory": lambda s: recall(s, rng, True), "nothing known": lambda s: recall(s, rng, False),
        "told": lambda s: tell(s, rng), "time": lambda s: about_time(s, rng), "last said": lambda s: last_said(s, rng), "talk": lambda s: topical(s, rng),
    }
    for lang in ("zh", "en"):
        tags = total = 0
        for kind, make in kinds.items():
            right = feeling = count = 0
            while count < args.count:
                s = scene(lang, rng)
                if kind == "fact from memory" and not s.facts:
                    continue
                said, want = make(s)
                got = brain.answer(s.prefix() + s.branch(said, "")[0])
                count, total = count + 1, total + 1
                tags += got.startswith("[") and "]" in got[:14]
                feeling += got.split("]")[0] == want.split("]")[0]
                body = want.split("] ", 1)[1]
                if kind == "fact from memory":
                    right += any(v in got for v in s.facts.values())
                elif kind == "nothing known":
                    right += any(u in got for u in UNKNOWN)
                else:
                    right += body in got
            shown = "" if kind == "talk" else f"right {100 * right / count:.0f} %, "
            print(f"{lang} {kind}: {shown}fitting emotion {100 * feeling / count:.0f} % of {count}", flush=True)
        print(f"{lang} valid tag: {100 * tags / total:.0f} % of {total}", flush=True)


if __name__ == "__main__":
    main()
