"""Qwen2 in torch with the release's tensor names, and its first weights.

The first weights hold an induction circuit (Olsson et al. 2022): layer 0 marks every position with
the tokens one and two before it, the other layers look for the position that follows an equal token
and copy what stands there. Without it, copying did not appear within the minutes of a CPU run.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "hidden_size": 256, "intermediate_size": 512,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
    "rope_theta": 100000.0, "tie_word_embeddings": True, "attention_dropout": 0.0, "use_sliding_window": False, "torch_dtype": "float16", "use_cache": True, "initializer_range": 0.02,
}


class Norm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        h = x.float()
        return (h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight).to(x.dtype)


def rope(x, positions, theta):
    """Half-split rotary embedding; x [B, H, T, D], positions [B, T]."""
    half = x.shape[-1] // 2
    speed = theta ** (-torch.arange(half, device=x.device) / half)
    angle = positions[:, None, :, None].float() * speed
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half].float(), x[..., half:].float()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        self.heads, self.groups = c["num_attention_heads"], c["num_key_value_heads"]
        size = c["hidden_size"]
        self.dim, self.theta = size // self.heads, c["rope_theta"]
        self.q_proj = nn.Linear(size, size)
        self.k_proj = nn.Linear(size, self.groups * self.dim)
        self.v_proj = nn.Linear(size, self.groups * self.dim)
        self.o_proj = nn.Linear(size, size, bias=False)

    def forward(self, x, positions, bias):
        batch, rows, _ = x.shape
        split = lambda t, n: t.reshape(batch, rows, n, self.dim).transpose(1, 2)
        q = rope(split(self.q_proj(x), self.heads), positions, self.theta)
        k = rope(split(self.k_proj(x), self.groups), positions, self.theta)
        v = split(self.v_proj(x), self.groups)
        repeat = self.heads // self.groups
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        weights = torch.softmax((q @ k.transpose(2, 3)).float() / math.sqrt(self.dim) + bias, -1).to(v.dtype)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(batch, rows, -1))


class Mlp(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        size, inner = c["hidden_size"], c["intermediate_size"]
        self.gate_proj = nn.Linear(size, inner, bias=False)
        self.up_proj = nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(c), Mlp(c)
        self.input_layernorm, self.post_attention_layernorm = Norm(c["hidden_size"]), Norm(c["hidden_size"])

    def forward(self, x, positions, bias):
        x = x + self.self_attn(self.input_layernorm(x), positions, bias)
        return x + self.mlp(self.post_attention_layernorm(x))


class Inner(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList([Layer(c) for _ in range(c["num_hidden_layers"])])
        self.norm = Norm(c["hidden_size"])


class Qwen2(nn.Module):
    """Logits of every position (or of those picked)."""

    def __init__(self, c: dict) -> None:
        super().__init__()
        self.model = Inner(c)

    def forward(self, ids, positions, bias, pick=None):
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, positions, bias)
        x = self.model.norm(x)
        if pick is not None:
            x = x[pick]
        return x @ self.model.embed_tokens.weight.T.to(x.dtype)


@torch.no_grad()
def initialise(net: Qwen2, c: dict, seed: int) -> None:
    """Fills in the induction circuit."""
    gen = torch.Generator().manual_seed(seed)
    size, dim = c["hidden_size"], c["hidden_size"] // c["num_attention_heads"]
    half, theta = dim // 2, c["rope_theta"]
    normal = lambda *shape: torch.randn(*shape, generator=gen)
    for name, p in net.named_parameters():
        if p.dim() == 2:
            p.copy_(normal(*p.shape) * (0.5 / math.sqrt(p.shape[1])))
        elif name.endswith("bias"):
            p.zero_()
    net.model.embed_tokens.weight.copy_(normal(c["vocab_size"], size) / math.sqrt(size))
    basis = torch.linalg.qr(normal(size, size))[0]
    read, write = basis[:, : 2 * dim], torch.linalg.qr(normal(size, size))[0][:, : 2 * dim]
    first = net.model.layers[0].self_attn
    speed = theta ** (-torch.arange(half) / half)
    first.q_proj.weight.mul_(0.05), first.k_proj.weight.mul_(0.05)
    for head in range(first.heads):
        offset = 1 if head % 2 == 0 else 2
        for i in range(4):
            first.q_proj.bias[head * dim + i] = 11 * math.cos(offset * speed[i])
            first.q_proj.bias[head * dim + half + i] = -11 * math.sin(offset * speed[i])
    for group in range(first.groups):
        first.k_proj.bias[group * dim : group * dim + 4] = 11.0
        first.v_proj.weight[group * dim : (group + 1) * dim] = read[:, group * dim : (group + 1) * dim].T
    # Heads 0 and 2 (offset 1) write into the first two subspaces; heads 1 and 3 (offset 2) elsewhere.
    other = torch.linalg.qr(normal(size, size))[0]
    for head in range(first.heads):
        target = write[:, (head // 2) * dim : (head // 2 + 1) * dim] if head % 2 == 0 else other[:, head * dim : (head + 1) * dim] * 0.5
        first.o_proj.weight[:, head * dim : (head + 1) * dim] = target
    low = list(range(half // 2, half)) + list(range(half + half // 2, dim))
    for layer in net.model.layers[1:]:
        attention = layer.self_attn
        attention.q_proj.weight.mul_(0.3), attention.k_proj.weight.mul_(0.3)
        for head in range(attention.heads):
            group = head // (attention.heads // attention.groups)
            rows = torch.tensor(low) + head * dim
            attention.q_proj.weight[rows] += 1.7 * read[:, group * dim : group * dim + len(low)].T
        for group in range(attention.groups):
            rows = torch.tensor(low) + group * dim
            attention.k_proj.weight[rows] += 1.7 * write[:, group * dim : group * dim + len(low)].T
            copy = torch.linalg.qr(normal(size, size))[0][:, :dim]
            attention.v_proj.weight[group * dim : (group + 1) * dim] = copy.T
            for head in range(group * 2, group * 2 + 2):
                attention.o_proj.weight[:, head * dim : (head + 1) * dim] = copy * 0.5
