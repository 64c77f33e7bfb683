"""The FunASR front end (kaldi fbank, LFR 7/6) in torch, and its CMVN file."""

from __future__ import annotations

import math
from pathlib import Path

import torch

MEL = 80


def mel_weights() -> torch.Tensor:
    """Triangles linear in mel, 20 Hz to 8 kHz, over 257 bins (the last one is 0)."""
    mel = lambda f: 1127.0 * math.log(1.0 + f / 700.0)
    low, high = mel(20.0), mel(8000.0)
    step = (high - low) / (MEL + 1)
    bins = torch.tensor([mel(i * 16000 / 512) for i in range(256)], dtype=torch.float64)
    rows = []
    for m in range(MEL):
        left = low + m * step
        up, down = (bins - left) / step, (left + 2 * step - bins) / step
        rows.append(torch.minimum(up, down).clamp(min=0))
    weights = torch.zeros(257, MEL, dtype=torch.float32)
    weights[:256] = torch.stack(rows, 1).float()
    return weights


WEIGHTS = mel_weights()
WINDOW = 0.54 - 0.46 * torch.cos(2 * math.pi * torch.arange(400) / 399)


def fbank(wave: torch.Tensor, hop: int = 160) -> torch.Tensor:
    """Log-mel of one clip in -1..1: [frames, 80]; a frame every `hop` samples."""
    frames = (wave * 32768.0).unfold(0, 400, hop)
    frames = frames - frames.mean(1, keepdim=True)
    frames = torch.cat([frames[:, :1] * 0.03, frames[:, 1:] - 0.97 * frames[:, :-1]], 1) * WINDOW
    power = torch.fft.rfft(frames, n=512).abs().square()
    return (power @ WEIGHTS).clamp(min=1.1920929e-7).log()


def lfr(rows: torch.Tensor) -> torch.Tensor:
    """Stacks 7 rows every 6: [ceil(frames / 6), 560]."""
    count = rows.shape[0]
    index = torch.arange(0, count, 6)[:, None] - 3 + torch.arange(7)[None, :]
    return rows[index.clamp(0, count - 1)].reshape(-1, 7 * MEL)


def write_cmvn(path: Path, mean: torch.Tensor, std: torch.Tensor) -> None:
    """Writes `am.mvn`: (x + shift) * scale."""
    line = lambda values: " ".join(f"{v:.6f}" for v in values.tolist())
    size = mean.numel()
    path.write_text(
        f"<Nnet> \n<Splice> {size} {size}\n[ 0 ]\n<AddShift> {size} {size} \n<LearnRateCoef> 0 [ {line(-mean)} ]\n"
        f"<Rescale> {size} {size} \n<LearnRateCoef> 0 [ {line(1 / std)} ]\n</Nnet>\n"
    )


def read_cmvn(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Reads shift and scale of `am.mvn`."""
    rows = [l for l in path.read_text().splitlines() if l.startswith("<LearnRateCoef>")]
    parse = lambda row: torch.tensor([float(v) for v in row.split("[")[1].split("]")[0].split()])
    return parse(rows[0]), parse(rows[1])
