"""SenseVoiceSmall in torch, with the official tensor names (FunASR `SenseVoiceSmall`)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

LANGUAGES = {"auto": 0, "zh": 3, "en": 4, "yue": 7, "ja": 11, "ko": 12, "nospeech": 13}
TEXTNORM = {"withitn": 14, "woitn": 15}


class Memory(torch.autograd.Function):
    """The FSMN memory: a depthwise convolution over rows as shifted products, many times quicker on CPU.

    Its own backward: autograd would write a zeroed copy of the padded rows for each tap.
    """

    @staticmethod
    def forward(ctx, padded: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
        """`padded` (batch, rows + kernel - 1, size), `taps` (kernel, size); gives (batch, rows, size)."""
        ctx.save_for_backward(padded, taps)
        rows = padded.shape[1] - taps.shape[0] + 1
        out = padded[:, :rows] * taps[0]
        for i in range(1, taps.shape[0]):
            out.addcmul_(padded[:, i : i + rows], taps[i])
        return out

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padded, taps = ctx.saved_tensors
        rows = grad.shape[1]
        to_padded, to_taps = torch.zeros_like(padded), torch.empty_like(taps)
        for i in range(taps.shape[0]):
            to_padded[:, i : i + rows].addcmul_(grad, taps[i])
            to_taps[i] = (grad * padded[:, i : i + rows]).sum((0, 1))
        return to_padded, to_taps


class SelfAttention(nn.Module):
    def __init__(self, width: int, size: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.heads, self.kernel = heads, kernel
        self.linear_q_k_v = nn.Linear(width, 3 * size)
        self.linear_out = nn.Linear(size, size)
        self.fsmn_block = nn.Conv1d(size, size, kernel, groups=size, bias=False)

    def forward(self, x: torch.Tensor, keep: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        batch, rows, _ = x.shape
        q, k, v = self.linear_q_k_v(x).chunk(3, -1)
        v = v * keep
        left = (self.kernel - 1) // 2
        padded = F.pad(v, (0, 0, left, self.kernel - 1 - left))
        taps = self.fsmn_block.weight[:, 0, :].T.contiguous().to(v.dtype)
        memory = (Memory.apply(padded, taps) + v) * keep
        split = lambda t: t.reshape(batch, rows, self.heads, -1).transpose(1, 2)
        q, k, v = split(q), split(k), split(v)
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(2, 3) + bias
        mixed = torch.softmax(scores.float(), -1).to(v.dtype) @ v
        return self.linear_out(mixed.transpose(1, 2).reshape(batch, rows, -1)) + memory


class FeedForward(nn.Module):
    def __init__(self, size: int, units: int) -> None:
        super().__init__()
        self.w_1, self.w_2 = nn.Linear(size, units), nn.Linear(units, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w_2(torch.relu(self.w_1(x)))


class Layer(nn.Module):
    def __init__(self, width: int, conf: dict) -> None:
        super().__init__()
        size = conf["output_size"]
        self.same = width == size
        self.self_attn = SelfAttention(width, size, conf["attention_heads"], conf["kernel_size"])
        self.feed_forward = FeedForward(size, conf["linear_units"])
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(size)

    def forward(self, x: torch.Tensor, keep: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        mixed = self.self_attn(self.norm1(x), keep, bias)
        x = x + mixed if self.same else mixed
        return x + self.feed_forward(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, conf: dict, width: int = 560) -> None:
        super().__init__()
        size = conf["output_size"]
        self.size, self.aux_after = size, 4
        self.encoders0 = nn.ModuleList([Layer(width, conf)])
        self.encoders = nn.ModuleList([Layer(size, conf) for _ in range(conf["num_blocks"] - 1)])
        self.tp_encoders = nn.ModuleList([Layer(size, conf) for _ in range(conf["tp_blocks"])])
        self.after_norm, self.tp_norm = nn.LayerNorm(size), nn.LayerNorm(size)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows, width = x.shape[1], x.shape[2]
        half = width // 2
        speed = torch.exp(torch.arange(half, device=x.device) * (-math.log(10000.0) / (half - 1)))
        angle = torch.arange(1, rows + 1, device=x.device)[:, None] * speed[None, :]
        x = x * math.sqrt(self.size) + torch.cat([angle.sin(), angle.cos()], 1)[None]
        live = torch.arange(rows, device=x.device)[None, :] < lengths[:, None]
        keep = live[:, :, None].to(x.dtype)
        bias = torch.zeros(live.shape, device=x.device).masked_fill(~live, -1e4)[:, None, None, :]
        middle = None
        for number, layer in enumerate([*self.encoders0, *self.encoders]):
            x = layer(x, keep, bias)
            if number + 1 == self.aux_after:
                middle = x
        x = self.after_norm(x)
        for layer in self.tp_encoders:
            x = layer(x, keep, bias)
        return self.tp_norm(x), x if middle is None else middle


class Ctc(nn.Module):
    def __init__(self, size: int, vocab: int) -> None:
        super().__init__()
        self.ctc_lo = nn.Linear(size, vocab)


class SenseVoice(nn.Module):
    """Logits of all rows: four query rows, then one per 60 ms."""

    def __init__(self, conf: dict, vocab: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(16, 560)
        self.encoder = Encoder(conf)
        self.ctc = Ctc(conf["output_size"], vocab)

    def forward(self, feats: torch.Tensor, lengths: torch.Tensor, language: torch.Tensor, textnorm: torch.Tensor):
        one, two = torch.ones_like(language), torch.full_like(language, 2)
        queries = self.embed(torch.stack([language, one, two, textnorm], 1))
        hidden, middle = self.encoder(torch.cat([queries, feats], 1), lengths + 4)
        return self.ctc.ctc_lo(hidden), middle
