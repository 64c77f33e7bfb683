"""Muon for matrices, AdamW for everything else."""

from __future__ import annotations

import math

import torch
from torch import nn


def orthogonal(update: torch.Tensor) -> torch.Tensor:
    """Orthogonalises an update by Newton-Schulz steps (Jordan et al. 2024, coefficients theirs)."""
    x = update / (update.norm() + 1e-7)
    turned = x.shape[0] > x.shape[1]
    x = x.T if turned else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if turned else x


class Muon:
    """Orthogonalised momentum for the matrices, AdamW at `share` of the rate for embeddings, heads, biases, norms."""

    def __init__(self, net: nn.Module, share: float, heads: tuple[str, ...] = ("embed",), clip: float = 1.0) -> None:
        is_matrix = lambda name, p: p.dim() == 2 and not any(h in name for h in heads)
        named = list(net.named_parameters())
        self.net, self.share, self.clip = net, share, clip
        self.matrices = [p for n, p in named if is_matrix(n, p)]
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.rest = torch.optim.AdamW([p for n, p in named if not is_matrix(n, p)], lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update; clears the gradients."""
        nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        for p, m in zip(self.matrices, self.momenta):
            m.mul_(0.95).add_(p.grad)
            p.mul_(1 - 0.02 * rate).add_(orthogonal(p.grad + 0.95 * m) * math.sqrt(max(1, p.shape[0] / p.shape[1])), alpha=-rate)
        for group in self.rest.param_groups:
            group["lr"] = rate * self.share
        self.rest.step()
        self.net.zero_grad()
