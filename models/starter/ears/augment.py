"""Rooms, noise, babble, gain; and sounds that are no speech."""

from __future__ import annotations

import random

import numpy as np
from scipy.signal import fftconvolve


def coloured(length: int, power: float, gen: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with frequency: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(gen.standard_normal(length))
    shape = np.maximum(np.arange(len(spectrum)), 1.0) ** (-power / 2)
    noise = np.fft.irfft(spectrum * shape, length)
    return (noise / (np.std(noise) + 1e-9)).astype(np.float32)


def played(wave: np.ndarray, factor: float) -> np.ndarray:
    """Quicker by a factor; the pitch rises with it."""
    return np.interp(np.arange(0, len(wave) - 1, factor), np.arange(len(wave)), wave).astype(np.float32)


def room(gen: np.random.Generator) -> np.ndarray:
    """Impulse response of a room: RT60 0.15-0.6 s."""
    rt60 = gen.uniform(0.15, 0.6)
    t = np.arange(int(16000 * rt60)) / 16000
    response = gen.standard_normal(len(t)) * np.exp(-6.9 * t / rt60) * gen.uniform(0.02, 0.12)
    response[0] = 1.0
    return response.astype(np.float32)


NO_SPEECH = ("silence", "noise", "noise", "modulated", "tone", "melody", "clicks", "babble", "reversed", "hum")


class Augmenter:
    """Spoils clips. Holds banks of noise so that it is quick."""

    def __init__(self, seed: int) -> None:
        self.rng, self.gen = random.Random(seed), np.random.default_rng(seed)
        self.noise = [coloured(16000 * 30, p, self.gen) for p in (0, 0.5, 1, 1, 1, 1.5, 2)]
        self.rooms = [room(self.gen) for _ in range(40)]
        self.clips: list[np.ndarray] = []

    def cut(self, source: np.ndarray, length: int) -> np.ndarray:
        """A random stretch."""
        if len(source) <= length:
            return np.resize(source, length)
        start = self.rng.randrange(len(source) - length)
        return source[start : start + length]

    def babble(self, length: int, talkers: int) -> np.ndarray:
        """Several voices at once."""
        mix = np.zeros(length, np.float32)
        for _ in range(talkers):
            mix += self.cut(np.resize(self.rng.choice(self.clips), length + 8000).astype(np.float32), length)
        return mix / (np.std(mix) + 1e-9)

    def disturb(self, wave: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
        """Adds noise of unit power at `snr` dB below the wave."""
        level = np.sqrt(np.mean(wave**2) + 1e-12)
        return wave + noise * level * 10 ** (-snr / 20)

    def speech(self, wave: np.ndarray, strength: float) -> np.ndarray:
        """A clip as a microphone may hear it; `strength` 0..1 grows during training."""
        rng = self.rng
        if rng.random() < 0.5 * strength + 0.2:
            wave = played(wave, rng.uniform(0.88, 1.13))
        pad = [np.zeros(int(rng.uniform(0, 0.35) * 16000), np.float32) for _ in range(2)]
        wave = np.concatenate([pad[0], wave, pad[1]])
        if rng.random() < 0.3 * strength:
            wave = fftconvolve(wave, rng.choice(self.rooms))[: len(wave)].astype(np.float32)
        roll = rng.random()
        if roll < 0.35 * strength:
            wave = self.disturb(wave, self.cut(rng.choice(self.noise), len(wave)), rng.uniform(5, 30))
        elif roll < 0.50 * strength and self.clips:
            wave = self.disturb(wave, self.babble(len(wave), rng.choice((2, 3, 6))), rng.uniform(8, 25))
        peak = np.max(np.abs(wave)) + 1e-6
        wave = wave / peak * 10 ** (rng.uniform(-26, -0.5) / 20)
        return np.clip(wave + self.gen.standard_normal(len(wave)) * 10 ** rng.uniform(-5.5, -4), -1, 1).astype(np.float32)

    def no_speech(self, kind: str | None = None) -> np.ndarray:
        """Silence, noise, tones, melodies, clicks, babble, reversed speech."""
        rng, length = self.rng, int(self.rng.uniform(0.4, 4) * 16000)
        t = np.arange(length) / 16000
        kind = kind or rng.choice(NO_SPEECH)
        if kind == "silence":
            wave = np.zeros(length)
        elif kind == "noise":
            wave = self.cut(rng.choice(self.noise), length)
        elif kind == "modulated":
            slow = np.interp(np.arange(length), np.arange(0, length + 4000, 2000), self.gen.random(len(np.arange(0, length + 4000, 2000))))
            wave = self.cut(rng.choice(self.noise), length) * slow**2
        elif kind == "tone":
            wave = sum(np.sin(2 * np.pi * rng.uniform(80, 4000) * t) for _ in range(rng.randint(1, 3)))
        elif kind == "melody":
            wave = np.zeros(length)
            note = rng.randint(2000, 8000)
            for start in range(0, length, note):
                pitch = 220 * 2 ** (rng.randint(0, 24) / 12)
                span = t[: min(note, length - start)]
                tone = sum(np.sin(2 * np.pi * pitch * h * span) / h for h in range(1, rng.randint(2, 7)))
                wave[start : start + len(span)] += tone * np.exp(-span * rng.uniform(1, 8))
        elif kind == "clicks":
            wave = np.zeros(length)
            wave[self.gen.integers(0, length, rng.randint(1, 20))] = 1.0
            wave = fftconvolve(wave, rng.choice(self.rooms))[:length]
        elif kind == "hum":
            wave = sum(np.sin(2 * np.pi * 50 * h * t + h) / h for h in range(1, 12))
        elif kind == "babble" and self.clips:
            wave = self.babble(length, rng.choice((5, 8, 10)))
        elif self.clips:
            wave = self.cut(rng.choice(self.clips).astype(np.float32), length)[::-1]
        else:
            wave = np.zeros(length)
        wave = np.asarray(wave, np.float32)
        wave = wave / (np.max(np.abs(wave)) + 1e-6) * 10 ** (rng.uniform(-45, -1) / 20)
        return (wave + self.gen.standard_normal(length) * 10 ** rng.uniform(-5.5, -4)).astype(np.float32)
