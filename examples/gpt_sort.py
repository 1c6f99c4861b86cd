"""A small GPT learns to sort: it reads 6 symbols and writes them in order, one after another.

python examples/gpt_sort.py

The task and the sizes are minGPT's demo (A. Karpathy, 2022): 3 pre-LN blocks, width 48, 3 heads.
A sequence is the 6 symbols and their sorted copy; position p predicts symbol p + 1, and what is
predicted before the copy begins, the first 5 positions, is ignored. A quarter of all inputs is
never trained on.
"""

import itertools
import sys
import time

import numpy as np

import graphnet as gn

LENGTH, SYMBOLS, WIDTH, HEADS, BLOCKS = 6, 3, 48, 3, 3
IGNORED = LENGTH - 1
normal = gn.initializers.normal(0.02)


def gelu(x):
    return gn.gelu(x, approximate=True)


def block():
    look = gn.MultiHeadAttention(HEADS, causal=True, init=normal)
    think = [gn.Dense(4 * WIDTH, activation=gelu, init=normal), gn.Dense(WIDTH, init=normal)]
    return [gn.Residual(gn.LayerNorm(), look), gn.Residual(gn.LayerNorm(), *think)]


def loss(logits, target):
    return gn.cross_entropy(logits[:, IGNORED:], target[:, IGNORED:])


def exact(logits, target):
    """The share of sequences of which every symbol is right."""
    return float((logits.argmax(-1) == target)[:, IGNORED:].all(axis=1).mean())


def generate(model, inputs):
    """The model's own output, read back symbol by symbol; what stands behind is not seen."""
    text = np.pad(inputs, ((0, 0), (0, LENGTH)))
    for p in range(LENGTH, 2 * LENGTH):
        text[:, p] = model.predict(text[:, :-1])[:, p - 1].argmax(-1)
    return text[:, LENGTH:]


inputs = np.array(list(itertools.product(range(SYMBOLS), repeat=LENGTH)))
inputs = np.random.default_rng(0).permutation(inputs)
text = np.concatenate([inputs, np.sort(inputs, axis=1)], axis=1)
unseen, seen = text[: len(text) // 4], np.tile(text[len(text) // 4 :], (10, 1))

model = gn.Sequential(
    [
        gn.Input(2 * LENGTH - 1, dtype="int"),
        gn.Embedding(SYMBOLS, WIDTH, init=normal),
        gn.PositionalEncoding(init=normal),
        *itertools.chain(*(block() for _ in range(BLOCKS))),
        gn.LayerNorm(),
        gn.Dense(SYMBOLS, use_bias=False, init=normal),
    ]
)
optimizer = gn.AdamW(lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
model.compile(optimizer, loss, metrics=[exact], style="fast")
start = time.perf_counter()
model.fit(seen[:, :-1], seen[:, 1:], epochs=1 if "--short" in sys.argv else 7, batch_size=64,
          validation_data=(unseen[:, :-1], unseen[:, 1:]))  # fmt: skip
print(f"trained in {time.perf_counter() - start:.0f} s")

asked = unseen[:, :LENGTH]
written = generate(model, asked)
right = (written == np.sort(asked, axis=1)).all(axis=1)
for question, answer in zip(asked[:5], written):
    print(*question, "->", *answer)
print(f"{right.mean():.1%} of {len(right)} unseen inputs sorted without a mistake")
