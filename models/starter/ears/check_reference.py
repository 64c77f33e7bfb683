"""Checks this model against a recorded reference: `python check_reference.py DIR` where DIR holds
model.safetensors, config.yaml, expected.json and expected.safetensors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file

from model import SenseVoice


def main() -> None:
    folder = Path(sys.argv[1])
    conf = yaml.safe_load((folder / "config.yaml").read_text())["encoder_conf"]
    weights = load_file(folder / "model.safetensors")
    model = SenseVoice(conf, weights["ctc.ctc_lo.weight"].shape[0]).eval()
    model.load_state_dict(weights)
    feats = load_file(folder.parent.parent / "frontend" / "offline.safetensors")
    from features import read_cmvn

    shift, scale = read_cmvn(folder / "am.mvn")
    expected = load_file(folder / "expected.safetensors")
    case = next(c for c in json.loads((folder / "expected.json").read_text())["cases"] if len(c["wavs"]) == 1)
    rows = feats[f"{case['wavs'][0]}/feats"]
    with torch.no_grad():
        logits, _ = model(rows[None], torch.tensor([rows.shape[0]]), torch.tensor([case["language_id"]]), torch.tensor([case["textnorm_id"]]))
    wanted = next(v for k, v in expected.items() if k.startswith(case["key"] + "/") and k.endswith("log_probs"))
    print("max difference", (logits[0].log_softmax(-1) - wanted).abs().max().item())


if __name__ == "__main__":
    main()
