"""The example "gpt": a small GPT that reads 6 symbols and writes them in order.

A sequence is the 6 symbols and their sorted copy; position p predicts symbol p + 1. What is
predicted before the copy begins, the first 5 positions, is ignored. Task and sizes are those of
minGPT's demo (A. Karpathy, 2022); `examples/gpt_sort.py` is the same as a script of its own.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.ops.activations import gelu
from graphnet.ops.attention_layers import MultiHeadAttention
from graphnet.ops.initializers import normal
from graphnet.ops.layer import Layer
from graphnet.ops.layers import Dense, Embedding, Input, Residual
from graphnet.ops.losses import cross_entropy
from graphnet.ops.norm_layers import LayerNorm
from graphnet.ops.optimizers import AdamW
from graphnet.ops.positions import PositionalEncoding
from graphnet.ops.tensor import Tensor
from graphnet.training.sequential import Sequential

__all__ = ["build_gpt", "load_gpt"]

LENGTH, SYMBOLS, WIDTH, HEADS, BLOCKS = 6, 3, 48, 3, 3
IGNORED = LENGTH - 1


def load_gpt() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """All 729 inputs, a quarter held back; each of the others stands ten times in an epoch."""
    inputs = np.array(list(itertools.product(range(SYMBOLS), repeat=LENGTH)))
    inputs = np.random.default_rng(0).permutation(inputs)
    text = np.concatenate([inputs, np.sort(inputs, axis=1)], axis=1)
    test, train = text[: len(text) // 4], np.tile(text[len(text) // 4 :], (10, 1))
    return train[:, :-1], train[:, 1:], test[:, :-1], test[:, 1:]


def build_gpt() -> Sequential:
    start = normal(0.02)

    def block() -> list[Layer]:
        look = MultiHeadAttention(HEADS, causal=True, init=start)
        think = [Dense(4 * WIDTH, activation=gelu_tanh, init=start), Dense(WIDTH, init=start)]
        return [Residual(LayerNorm(), look), Residual(LayerNorm(), *think)]

    blocks = itertools.chain(*(block() for _ in range(BLOCKS)))
    model = Sequential(
        [
            Input(2 * LENGTH - 1, dtype="int"), Embedding(SYMBOLS, WIDTH, init=start),
            PositionalEncoding(init=start), *blocks, LayerNorm(),
            Dense(SYMBOLS, use_bias=False, init=start),
        ]
    )  # fmt: skip
    optimizer = AdamW(lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    model.compile(optimizer, answer_loss, [exact], style="fast")
    return model


def gelu_tanh(x: Tensor) -> Tensor:
    return gelu(x, approximate=True)


def answer_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """The cross entropy of the sorted copy alone."""
    return cross_entropy(prediction[:, IGNORED:], target[:, IGNORED:])


def exact(prediction: NDArray[Any], target: NDArray[Any]) -> float:
    """The share of sequences of which every symbol of the copy is right."""
    right = prediction.argmax(axis=-1) == target
    return float(right[:, IGNORED:].all(axis=1).mean())
