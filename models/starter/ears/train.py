"""Trains the starter ears: `python train.py --out DIR --work DIR --minutes N|--utterances N [--device cuda] [--init DIR]`.

On a CPU `torchrun --nproc-per-node 2 train.py …` uses one process per core: each takes its own batches, and the
gradients are averaged (a single process with two threads is a third slower at this size).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import yaml
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import shards
from augment import Augmenter, played
from features import fbank, lfr, read_cmvn, write_cmvn
from guard import Guard
from model import LANGUAGES, TEXTNORM, SenseVoice
from muon import Muon
from vocab import Vocabulary, build

CONF = {"output_size": 192, "attention_heads": 4, "linear_units": 768, "num_blocks": 6, "tp_blocks": 2, "dropout_rate": 0.1, "positional_dropout_rate": 0.1, "attention_dropout_rate": 0.1, "input_layer": "pe", "pos_enc_class": "SinusoidalPositionEncoder", "normalize_before": True, "kernel_size": 11, "sanm_shfit": 0, "selfattention_layer_type": "sanm"}

# Longer clips cost more than they teach.
LONGEST = 6 * 16000
# How the daemon looks at its own speech besides as it is (`daemon/src/backend/sensevoice.rs`): played slower by so much, or
# with frames so many samples apart.
SLOWER, DENSE_HOP = 1.3, 123


class Clips:
    """All clips that the pool has made so far."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit, self.seen, self.guard = folder, limit, set(), Guard()
        self.pcm: list[np.ndarray] = []
        self.texts: list[tuple[str, str]] = []

    def refresh(self) -> None:
        """Reads new shards."""
        for path in sorted(self.folder.glob("*.json")):
            if path.name in self.seen or len(self.pcm) >= self.limit:
                continue
            self.seen.add(path.name)
            for pcm, text, lang in shards.read(path):
                if len(pcm) < LONGEST and self.guard.allowed(text, lang):
                    self.pcm.append(pcm)
                    self.texts.append((text, lang))


class Batches:
    """Random clips, spoiled, as features and targets."""

    def __init__(self, clips: Clips, vocab: Vocabulary, cmvn, seed: int, looks: float = 0.0) -> None:
        self.clips, self.vocab, self.cmvn, self.looks = clips, vocab, cmvn, looks
        self.rng, self.order, self.augment = random.Random(seed), random.Random(1), Augmenter(seed)

    def item(self, strength: float):
        vocab, rng = self.vocab, self.rng
        self.augment.clips = self.clips.pcm
        itn = rng.choice(("withitn", "woitn"))
        if rng.random() < 0.07:
            wave, text, aux, lang, tags = self.augment.no_speech(), [], [], "nospeech", ("nospeech", "EMO_UNKNOWN", "Event_UNK", itn)
        else:
            index = rng.randrange(len(self.clips.pcm))
            sentence, lang = self.clips.texts[index]
            wave = self.augment.speech(np.asarray(self.clips.pcm[index], np.float32) / 32768, strength)
            text, aux = vocab.encode(sentence, lang), vocab.encode_aux(sentence, lang)
            tags = (lang, "EMO_UNKNOWN", "Speech", itn)
        feats = lfr(self.look(wave))
        feats = (feats + self.cmvn[0]) * self.cmvn[1]
        if lang != "nospeech" and rng.random() < strength:
            spans = rng.randint(0, 2)
            for _ in range(spans):
                start, width = rng.randrange(7 * 80 - 12), rng.randint(2, 12)
                band = [i for b in range(7) for i in range(b * 80 + start % 80, min((b + 1) * 80, b * 80 + start % 80 + width))]
                feats[:, band] = 0
        query = "auto" if rng.random() < 0.6 or lang == "nospeech" else lang
        return feats, text, aux, [vocab.tag(t) for t in tags], LANGUAGES[query], TEXTNORM[itn]

    def look(self, wave: np.ndarray) -> torch.Tensor:
        """Log-mel of a clip as it is or, for a share of the clips, as the daemon looks at its own speech."""
        roll = self.rng.random() if self.looks else 1.0
        if roll < self.looks / 2:
            wave = played(wave, 1 / SLOWER)
        return fbank(torch.from_numpy(wave), DENSE_HOP if self.looks / 2 <= roll < self.looks else 160)

    def batch(self, size: int, strength: float):
        """Sixteen batches of clips of like length, in an order that all processes share."""
        items = [self.item(strength) for _ in range(size * 16)]
        items.sort(key=lambda i: len(i[0]))
        starts = list(range(0, len(items), size))
        self.order.shuffle(starts)
        for start in starts:
            part = items[start : start + size]
            yield (
                nn.utils.rnn.pad_sequence([i[0] for i in part], batch_first=True),
                torch.tensor([len(i[0]) for i in part]),
                [i[1] for i in part], [i[2] for i in part],
                torch.tensor([i[3] for i in part]), torch.tensor([i[4] for i in part]), torch.tensor([i[5] for i in part]),
            )


def ctc(logits: torch.Tensor, lengths: torch.Tensor, targets: list[list[int]]) -> torch.Tensor:
    """CTC per target token."""
    sizes = torch.tensor([len(t) for t in targets])
    flat = torch.tensor([i for t in targets for i in t], dtype=torch.long)
    loss = F.ctc_loss(logits.float().log_softmax(-1).transpose(0, 1), flat, lengths.cpu(), sizes, blank=0, reduction="none", zero_infinity=True)
    return (loss / sizes.clamp(min=1).to(loss.device)).mean()


def export(model: SenseVoice, out: Path) -> None:
    """Writes the model directory's own files; half precision."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().cpu().half().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, out / "model.safetensors")
    config = {
        "encoder": "SenseVoiceEncoderSmall", "encoder_conf": CONF, "model": "SenseVoiceSmall",
        "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
        "tokenizer": "SentencepiecesTokenizer", "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
        "frontend": "WavFrontend", "frontend_conf": {"fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10, "lfr_m": 7, "lfr_n": 6, "dither": 0.0, "cmvn_file": None},
    }
    (out / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    meta = {"framework": "pytorch", "task": "auto-speech-recognition", "model": {"type": "funasr"}, "file_path_metas": {"init_param": "model.safetensors", "config": "config.yaml", "tokenizer_conf": {"bpemodel": "chn_jpn_yue_eng_ko_spectok.bpe.model"}, "frontend_conf": {"cmvn_file": "am.mvn"}}}
    (out / "configuration.json").write_text(json.dumps(meta, indent=1))


def prepare(args, clips: Clips) -> None:
    """Writes vocabulary and CMVN: those of `--init`, or new ones."""
    vocab_dir = args.work / "vocab"
    if args.init:
        vocab_dir.mkdir(parents=True, exist_ok=True)
        build(vocab_dir)
        for name in ("chn_jpn_yue_eng_ko_spectok.bpe.model", "tokens.json"):
            shutil.copy(args.init / name, vocab_dir / name)
    elif not (vocab_dir / "tokens.json").exists():
        build(vocab_dir)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("chn_jpn_yue_eng_ko_spectok.bpe.model", "tokens.json"):
        shutil.copy(vocab_dir / name, args.out / name)
    if args.init:
        shutil.copy(args.init / "am.mvn", args.out / "am.mvn")
    else:
        augment = Augmenter(5)
        rows = torch.cat([lfr(fbank(torch.from_numpy(augment.speech(p.astype(np.float32) / 32768, 0.0)))) for p in clips.pcm[:600]])
        write_cmvn(args.out / "am.mvn", rows.mean(0), rows.std(0))


class Ears(nn.Module):
    """The model, and the auxiliary head that only training needs."""

    def __init__(self, vocab: Vocabulary, wait: int) -> None:
        super().__init__()
        self.model = SenseVoice(CONF, vocab.size)
        self.aux_head = nn.Linear(CONF["output_size"], vocab.aux_size)
        self.size, self.wait = vocab.size, wait

    def losses(self, batch, device: str, half: bool, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """CTC of the text, CTC of the auxiliary units, cross-entropy of the tag rows."""
        feats, lengths, texts, auxes, tags, language, textnorm = batch
        move = lambda t: t.to(device)
        with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=half):
            logits, middle = self.model(move(feats), move(lengths), move(language), move(textnorm))
            # The head is new: what it has not learnt yet must not disturb weights to go on from.
            aux_logits = self.aux_head(middle.detach() if step < self.wait else middle)
        tag_loss = F.cross_entropy(logits[:, :4].float().reshape(-1, self.size), move(tags).reshape(-1))
        return ctc(logits[:, 4:], lengths, texts), ctc(aux_logits[:, 4:], lengths, auxes), tag_loss


class Schedule:
    """Share of the run that is over, the same in all processes: of the utterances where their number is set, or of the time."""

    def __init__(self, minutes: float, utterances: int | None) -> None:
        self.start, self.seconds, self.utterances = time.time(), minutes * 60, utterances

    def share(self, seen: int) -> float:
        if self.utterances is not None:
            return seen / self.utterances
        value = torch.tensor([(time.time() - self.start) / self.seconds])
        if dist.is_initialized():
            dist.broadcast(value, 0)
        return float(value)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model directory to write")
    parser.add_argument("--work", type=Path, required=True, help="scratch folder; clips lie in its `clips`")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=90)
    length.add_argument("--utterances", type=int, help="clips to learn from, whatever the time: on a machine that does other things too")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16, help="clips per step and process")
    parser.add_argument("--rate", type=float, default=0.01, help="learning rate of the matrices")
    parser.add_argument("--init", type=Path, help="model directory to go on from")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--aux", type=float, default=1.0, help="how much the auxiliary units count; 0 for runs too short for their new head")
    parser.add_argument("--looks", type=float, default=0.0, help="share of clips as the daemon's further looks at its own speech hear them")
    parser.add_argument("--limit", type=int, default=300000, help="clips used at most")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    clips = Clips(args.work / "clips", args.limit)
    clips.refresh()
    if len(clips.pcm) < 3000:
        raise SystemExit(f"{len(clips.pcm)} clips in {clips.folder}, 3000 are the least: make them with pool.py")
    if rank == 0:
        prepare(args, clips)
    if dist.is_initialized():
        dist.barrier()
    vocab, cmvn = Vocabulary(args.work / "vocab"), read_cmvn(args.out / "am.mvn")
    ears = Ears(vocab, 200 if args.init else 0).to(args.device)
    if args.init:
        ears.model.load_state_dict({k: v.float() for k, v in load_file(args.init / "model.safetensors").items()})
    # On a CPU without bfloat16 instructions the half precision is many times slower than float32.
    half = args.device != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    optimizer = Muon(ears, 0.2, ("embed", "ctc_lo", "aux_head"), clip=5.0)
    batches = Batches(clips, vocab, cmvn, args.seed + 1000 * rank, args.looks)
    schedule = Schedule(args.minutes, args.utterances)
    step, seen, sums, saved, shown = 0, 0, np.zeros(3), time.time(), time.time()
    while (share := schedule.share(seen)) < 1:
        strength = min(0.8, 0.4 + share) if args.init else float(np.clip((share - 0.15) / 0.15, 0, 1))
        for batch in batches.batch(args.batch, strength):
            losses = ears.losses(batch, args.device, half, step)
            (losses[0] + 0.3 * losses[2] + args.aux * (0.5 if share < 0.5 else 0.2) * losses[1]).backward()
            rate = args.rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share)))
            optimizer.step(rate)
            step, seen = step + 1, seen + len(batch[1]) * processes
            sums = 0.98 * sums + 0.02 * np.array([float(x.detach()) for x in losses])
        if rank == 0 and time.time() - shown > 30:
            text, aux, tag = sums / (1 - 0.98**step)
            print(f"{share:.3f} step {step} seen {seen} clips {len(clips.pcm)} text {text:.3f} aux {aux:.3f} tag {tag:.3f}", flush=True)
            shown = time.time()
        clips.refresh()
        if rank == 0 and time.time() - saved > 240:
            export(ears.model, args.out)
            saved = time.time()
    if rank == 0:
        export(ears.model, args.out)
        print("done", step, seen)


if __name__ == "__main__":
    main()
