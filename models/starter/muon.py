"""Muon for matrices, AdamW for everything else."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
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


def summed(tensors: list[torch.Tensor]) -> None:
    """Adds each tensor up over all processes, in place and in one message; nothing where there is one process."""
    if not dist.is_initialized():
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors])):
        tensor.copy_(part.view_as(tensor))


class Muon:
    """Orthogonalised momentum for the matrices, AdamW at `share` of the rate for embeddings, heads, biases, norms.

    With several processes the gradients are averaged, and each process orthogonalises its part of the matrices.
    """

    def __init__(self, net: nn.Module, share: float, heads: tuple[str, ...] = ("embed",), clip: float = 1.0) -> None:
        is_matrix = lambda name, p: p.dim() == 2 and not any(h in name for h in heads)
        named = list(net.named_parameters())
        self.net, self.share, self.clip = net, share, clip
        self.matrices = [p for n, p in named if is_matrix(n, p)]
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.rest = torch.optim.AdamW([p for n, p in named if not is_matrix(n, p)], lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)
        together = dist.is_initialized()
        self.rank, self.processes = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update; clears the gradients."""
        grads = [p.grad for p in self.net.parameters()]
        summed(grads)
        if self.processes > 1:
            torch._foreach_div_(grads, self.processes)
        nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        updates = []
        for number, (p, m) in enumerate(zip(self.matrices, self.momenta)):
            m.mul_(0.95).add_(p.grad)
            mine = number % self.processes == self.rank
            updates.append(orthogonal(p.grad + 0.95 * m) if mine else torch.zeros_like(p))
        summed(updates)
        for p, update in zip(self.matrices, updates):
            p.mul_(1 - 0.02 * rate).add_(update * math.sqrt(max(1, p.shape[0] / p.shape[1])), alpha=-rate)
        for group in self.rest.param_groups:
            group["lr"] = rate * self.share
        self.rest.step()
        self.net.zero_grad()
