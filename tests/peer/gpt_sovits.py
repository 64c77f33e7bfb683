"""The layers of GPT-SoVITS in plain torch, float32, at the published shapes with random weights, for speed alone.

Reads names of stages from standard input, a line each, and answers each with the milliseconds it took (the median
of a few runs after one that is not counted); the bench asks for them between its own runs. What the layers compute
is noise; the work is the real work. Wrapped weights (weight norm) are folded, as a deployment would.
"""

import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class S1:
    """24 post-norm layers of 512, 16 heads; keys and values are kept between steps in buffers."""

    def __init__(self, layers=24, width=512, heads=16, inner=2048, codes=1025, longest=512):
        self.heads, self.width = heads, width
        self.layers = [
            dict(
                qkv=nn.Linear(width, 3 * width), out=nn.Linear(width, width), up=nn.Linear(width, inner),
                down=nn.Linear(inner, width), n1=nn.LayerNorm(width), n2=nn.LayerNorm(width),
                k=torch.zeros(1, heads, longest, width // heads), v=torch.zeros(1, heads, longest, width // heads),
            )
            for _ in range(layers)
        ]
        self.predict = nn.Linear(width, codes, bias=False)
        self.bert = nn.Linear(1024, width)
        self.audio = nn.Embedding(codes, width)

    def rows(self, x, at, mask=None):
        count = x.shape[1]
        for layer in self.layers:
            q, k, v = (
                part.view(1, count, self.heads, -1).transpose(1, 2) for part in layer["qkv"](x).chunk(3, dim=-1)
            )
            layer["k"][:, :, at : at + count] = k
            layer["v"][:, :, at : at + count] = v
            keys, values = layer["k"][:, :, : at + count], layer["v"][:, :, : at + count]
            mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
            mixed = mixed.transpose(1, 2).reshape(1, count, self.width)
            x = layer["n1"](x + layer["out"](mixed))
            x = layer["n2"](x + layer["down"](F.relu(layer["up"](x))))
        return self.predict(x[:, -1])

    def prefill(self, phones=90, codes=125):
        x = self.bert(torch.randn(1, phones, 1024)) + 0.1
        y = self.audio(torch.arange(codes)[None])
        mask = torch.zeros(phones + codes, phones + codes)
        mask[:phones, phones:] = -math.inf
        mask[phones:, phones:] = torch.triu(torch.full((codes, codes), -math.inf), 1)
        return self.rows(torch.cat([x, y], 1), 0, mask)

    def decode(self, steps=48, at=215):
        for step in range(steps):
            logits = self.rows(self.audio(torch.tensor([[7 + step]])), at + step)
            logits.argmax()


def conv(into, out, taps, dilation=1, bias=True):
    return nn.Conv1d(into, out, taps, dilation=dilation, padding=(taps - 1) * dilation // 2, bias=bias)


class Vocoder:
    def __init__(self, width, first):
        self.pre, self.post = conv(192, width, 7), None
        self.stages = []
        for rate, taps in zip((10, 8, 2, 2, 2), (first, 16, 8, 2, 2)):
            up = nn.ConvTranspose1d(width, width // 2, taps, rate, padding=(taps - rate) // 2)
            width //= 2
            blocks = [
                [(conv(width, width, k, d), conv(width, width, k)) for d in (1, 3, 5)] for k in (3, 7, 11)
            ]
            self.stages.append((up, blocks))
        self.post = conv(width, 1, 7, bias=False)

    def __call__(self, z):
        x = self.pre(z)
        for up, blocks in self.stages:
            x = up(F.leaky_relu(x, 0.1))
            total = None
            for block in blocks:
                y = x
                for dilated, plain in block:
                    y = plain(F.leaky_relu(dilated(F.leaky_relu(y, 0.1)), 0.1)) + y
                total = y if total is None else total + y
            x = total / len(blocks)
        return torch.tanh(self.post(F.leaky_relu(x)))


class Encoder:
    """Relative attention is left out: the peer does a little less here."""

    def __init__(self, layers, width=192, heads=2):
        self.heads = heads
        self.layers = [
            dict(
                q=conv(width, width, 1), k=conv(width, width, 1), v=conv(width, width, 1), o=conv(width, width, 1),
                up=conv(width, 768, 3), down=conv(768, width, 3), n1=nn.LayerNorm(width), n2=nn.LayerNorm(width),
            )
            for _ in range(layers)
        ]

    def __call__(self, x):
        frames = x.shape[-1]
        norm = lambda n, x: n(x.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            q, k, v = (layer[n](x).view(1, self.heads, -1, frames).transpose(2, 3) for n in "qkv")
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(1, -1, frames)
            x = norm(layer["n1"], x + layer["o"](mixed))
            x = norm(layer["n2"], x + layer["down"](F.relu(layer["up"](x))))
        return x


class S2:
    def __init__(self, version):
        style, width, first = dict(v2=(512, 512, 16), v2Pro=(1024, 512, 16), v2ProPlus=(1024, 768, 20))[version]
        self.style = torch.randn(1, style, 1)
        self.ssl, self.project = conv(768, 192, 1), conv(192, 384, 1)
        self.encoders = [Encoder(3), Encoder(6), Encoder(3)]
        self.pre, self.text_pre, self.post = conv(192, 512, 1), conv(192, 512, 1), conv(512, 192, 1)
        self.cross = [conv(512, 512, 1) for _ in range(4)]
        self.flows = [
            dict(
                pre=conv(96, 192, 1), told=conv(style, 1536, 1), gates=[conv(192, 384, 5) for _ in range(4)],
                outs=[conv(192, 384 if i < 3 else 192, 1) for i in range(4)], post=conv(192, 96, 1),
            )
            for _ in range(4)
        ]
        self.vocoder = Vocoder(width, first)
        self.told = conv(style, width, 1)

    def flow(self, z):
        for flow in self.flows:
            z = torch.flip(z, [1])
            kept, moved = z.chunk(2, 1)
            x, total, told = flow["pre"](kept), 0, flow["told"](self.style)
            for i, (gate, out) in enumerate(zip(flow["gates"], flow["outs"])):
                a, b = (gate(x) + told[:, 384 * i : 384 * (i + 1)]).chunk(2, 1)
                y = out(torch.tanh(a) * torch.sigmoid(b))
                if i < 3:
                    x, total = x + y[:, :192], total + y[:, 192:]
                else:
                    total = total + y
            z = torch.cat([kept, moved - flow["post"](total)], 1)
        return z

    def __call__(self, codes, phones=40):
        y = self.encoders[0](self.ssl(torch.randn(1, 768, 2 * codes)))
        text = self.encoders[1](torch.randn(1, 192, phones))
        y, text = self.pre(y), self.text_pre(text)
        q, k, v = (m(x).view(1, 4, 128, -1).transpose(2, 3) for m, x in zip(self.cross, (y, text, text)))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(1, 512, -1)
        y = self.encoders[2](self.post(self.cross[3](mixed) + y))
        z = self.flow(self.project(y)[:, :192])
        return self.vocoder(z)


class Bert:
    """Post-norm layers with GELU, of BERT (1024, 22 of 24 layers) and HuBERT (768, 12 layers)."""

    def __init__(self, layers, width, heads, inner):
        self.heads, self.width = heads, width
        self.layers = [
            dict(
                q=nn.Linear(width, width), k=nn.Linear(width, width), v=nn.Linear(width, width),
                out=nn.Linear(width, width), up=nn.Linear(width, inner), down=nn.Linear(inner, width),
                n1=nn.LayerNorm(width), n2=nn.LayerNorm(width),
            )
            for _ in range(layers)
        ]

    def __call__(self, x):
        rows = x.shape[1]
        for layer in self.layers:
            q, k, v = (layer[n](x).view(1, rows, self.heads, -1).transpose(1, 2) for n in "qkv")
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, rows, self.width)
            x = layer["n1"](x + layer["out"](mixed))
            x = layer["n2"](x + layer["down"](F.gelu(layer["up"](x))))
        return x


class Hubert:
    def __init__(self):
        kernels, strides = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
        self.convs = [
            nn.Conv1d(1 if i == 0 else 512, 512, k, s, bias=False) for i, (k, s) in enumerate(zip(kernels, strides))
        ]
        self.group = nn.GroupNorm(512, 512)
        self.project = nn.Linear(512, 768)
        self.around = nn.Conv1d(768, 768, 128, padding=64, groups=16)
        self.bert = Bert(12, 768, 12, 3072)

    def __call__(self, samples):
        x = torch.randn(1, 1, samples)
        for i, layer in enumerate(self.convs):
            x = layer(x)
            x = F.gelu(self.group(x) if i == 0 else x)
        x = self.project(x.transpose(1, 2))
        x = x + F.gelu(self.around(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
        return self.bert(x)


def stages():
    """Name of a stage: (how its model is made, how it is run)."""
    known = {
        "s1 prefill": (S1, lambda m: m.prefill()),
        "s1 decode": (S1, lambda m: m.decode()),
        "bert 12": (lambda: Bert(22, 1024, 16, 4096), lambda m: m(torch.randn(1, 12, 1024))),
        "bert 32": (lambda: Bert(22, 1024, 16, 4096), lambda m: m(torch.randn(1, 32, 1024))),
        "hubert": (Hubert, lambda m: m(89_600)),
    }
    for version in ("v2", "v2Pro", "v2ProPlus"):
        known[f"s2 {version} 100"] = ((lambda v: lambda: S2(v))(version), lambda m: m(100))
        known[f"s2 {version} 16"] = ((lambda v: lambda: S2(v))(version), lambda m: m(16))
    return known


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    known, kind, model = stages(), None, None
    with torch.inference_mode():
        for line in sys.stdin:
            name = line.strip()
            make, run = known[name]
            # One model at a time; stages of one model follow each other.
            if kind != name.rsplit(" ", 1)[0]:
                kind, model = name.rsplit(" ", 1)[0], None
                model = make()
            run(model)
            took = []
            for _ in range(3):
                start = time.perf_counter()
                run(model)
                took.append(time.perf_counter() - start)
            print(sorted(took)[1] * 1000, flush=True)


main()
