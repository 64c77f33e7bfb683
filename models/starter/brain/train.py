"""Trains the starter brain. `python train.py --out DIR --minutes N [--device cuda] [--init DIR]`"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional as F

from dialogues import branches, scene
from model import CONFIG, Qwen2, initialise
from muon import Muon
from tokenizer import build


class Rows:
    """One prefix and its branches as one row with a tree mask."""

    def __init__(self, tokenizer: Tokenizer, seed: int, longest: int = 900) -> None:
        self.tokenizer, self.rng, self.longest = tokenizer, random.Random(seed), longest

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def dialogue(self):
        while True:
            s = scene(self.rng.choice(("zh", "en")), self.rng)
            prefix = self.ids(s.prefix())
            parts = [(self.ids(said), self.ids(reply)) for said, reply in branches(s, self.rng)]
            if len(prefix) + sum(len(a) + len(b) for a, b in parts) <= self.longest:
                return prefix, parts

    def copying(self):
        """Dense key-value copying over random tokens."""
        rng, top = self.rng, self.tokenizer.get_vocab_size() - 3
        words = lambda: [rng.randrange(10, top) for _ in range(rng.randint(1, 4))]
        pairs = [(words(), words()) for _ in range(rng.randint(3, 12))]
        prefix = [t for k, v in pairs for t in [*k, *v, 10]]
        return prefix, [(k, [*v, 10]) for k, v in rng.sample(pairs, min(8, len(pairs)))]

    def row(self, copying: bool):
        prefix, parts = self.copying() if copying else self.dialogue()
        ids, positions, owner, learn = list(prefix), list(range(len(prefix))), [0] * len(prefix), [False] * len(prefix)
        for number, (said, reply) in enumerate(parts, 1):
            ids += said + reply
            positions += range(len(prefix), len(prefix) + len(said) + len(reply))
            owner += [number] * (len(said) + len(reply))
            learn += [False] * (len(said) - 1) + [True] * len(reply) + [False]
        return ids, positions, owner, learn

    def batch(self, size: int, copying: bool):
        rows = [self.row(copying) for _ in range(size)]
        longest = max(len(r[0]) for r in rows)
        pad = lambda values, fill: torch.tensor([list(v) + [fill] * (longest - len(v)) for v in values])
        ids, positions = pad([r[0] for r in rows], 0), pad([r[1] for r in rows], 0)
        owner, learn = pad([r[2] for r in rows], -1), pad([r[3] for r in rows], False)
        order = torch.arange(longest)
        seen = (order[None, :, None] >= order[None, None, :]) & ((owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None]))
        seen |= torch.eye(longest, dtype=torch.bool)[None]
        bias = torch.zeros(seen.shape).masked_fill(~seen, -1e4)[:, None]
        # Where a token's successor is the next one in the row; at a branch's first token it is not learnt.
        targets = torch.roll(ids, -1, 1)
        return ids, positions, bias, learn, targets


def export(net: Qwen2, config: dict, out: Path) -> None:
    """Writes weights and configs of the release's layout; matrices half, vectors full precision."""
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: (v.half() if v.dim() == 2 else v.float()).detach().cpu().contiguous() for k, v in net.state_dict().items()}, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=2))
    ends = [config["vocab_size"] - 1, config["vocab_size"] - 3]
    (out / "generation_config.json").write_text(json.dumps({"eos_token_id": ends, "pad_token_id": ends[1], "do_sample": False}, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    if args.init:
        args.out.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
            (args.out / name).write_bytes((args.init / name).read_bytes())
        tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    else:
        tokenizer = build(args.out)
    vocab = tokenizer.get_vocab_size()
    config = {**CONFIG, "vocab_size": vocab, "bos_token_id": vocab - 3, "eos_token_id": vocab - 1}
    net = Qwen2(config)
    initialise(net, config, args.seed)
    if args.init:
        net.load_state_dict({k: v.float() for k, v in load_file(args.init / "model.safetensors").items()})
    net.to(args.device)
    # On a CPU without bfloat16 instructions the half precision is many times slower than float32.
    half = args.device != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    optimizer, rows = Muon(net, 0.25), Rows(tokenizer, args.seed)
    start, step, shown, saved, tokens = time.time(), 0, time.time(), time.time(), 0
    while (share := (time.time() - start) / (args.minutes * 60)) < 1:
        copying = (share < 0.03 and not args.init) or rows.rng.random() < 0.05
        batch = [t.to(args.device) for t in rows.batch(args.batch, copying)]
        ids, positions, bias, learn, targets = batch
        with torch.autocast(args.device.split(":")[0], dtype=torch.bfloat16, enabled=half):
            logits = net(ids, positions, bias, learn)
        picked = targets[learn]
        loss = F.cross_entropy(logits.float(), picked)
        loss.backward()
        warm = min(1, (step + 1) / (30 if args.init else 100))
        optimizer.step(args.rate * warm * (0.02 + 0.98 * (1 - share)))
        step, tokens = step + 1, tokens + ids.numel()
        if time.time() - shown > 30:
            right = (logits.argmax(-1) == picked).float().mean().item()
            print(f"{share:.3f} step {step} tokens {tokens / 1e6:.2f}M loss {loss.item():.3f} right {right:.3f} {'copying' if copying else ''}", flush=True)
            shown = time.time()
        if time.time() - saved > 180:
            export(net, config, args.out)
            saved = time.time()
    export(net, config, args.out)
    print("done", step, tokens)


if __name__ == "__main__":
    main()
