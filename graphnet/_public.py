"""The table of public names: name -> module. A module is public under its own name (schedules)."""

from __future__ import annotations

from graphnet.ops.catalogue import FORMULAS

# Rows that are forms of one public op: of `matmul` for vectors, of `gelu(approximate=True)`.
FORMS = ("matvec", "vecmat", "dot", "gelu_tanh")

_MODULES: dict[str, str] = {
    # The catalogue comes first, for a later module's function of the same name wins.
    "graphnet.ops.pointwise": " ".join([*(n for n in FORMULAS if n not in FORMS), "clip", "equal"]),
    "graphnet.errors": "GraphnetError GraphnetTypeError GraphnetFileError",
    "graphnet.ops.scan": "scan",
    "graphnet.ops.define": "constant formula input op parameter state",
    "graphnet.ops.tensor": "Tensor",
    "graphnet.ops.products": "einsum matmul",
    "graphnet.ops.reductions": "argmax argsort cumprod cumsum logsumexp max mean min prod std sum "
    "var",
    "graphnet.ops.arrays": "flip one_hot reshape take transpose tril",
    "graphnet.ops.joining": "concatenate pad stack",
    "graphnet.ops.filling": "arange eye ones zeros",
    "graphnet.ops.activations": "celu elu gelu hard_sigmoid hardmax leaky_relu linear log_softmax "
    "mish prelu relu selu sigmoid silu softmax softplus softsign tanh",
    "graphnet.ops.losses": "binary_cross_entropy binary_cross_entropy_with_logits cross_entropy "
    "focal hinge huber kl_divergence mae mse",
    "graphnet.ops.windows": "conv1d conv1d_transpose conv2d conv2d_transpose",
    "graphnet.ops.pools": "avg_pool1d avg_pool2d max_pool1d max_pool2d",
    "graphnet.ops.norms": "batch_norm group_norm layer_norm rms_norm",
    "graphnet.ops.attention": "attention",
    "graphnet.ops.equivalence": "equivalent",
    "graphnet.ops.gradients": "grad hessian jacobian jvp",
    "graphnet.ops.initializers": "initializers",
    "graphnet.ops.layer": "Layer",
    "graphnet.ops.activation_layers": "PReLU RReLU",
    "graphnet.ops.layers": "Activation Dense Dropout Embedding Flatten Input Residual",
    "graphnet.ops.window_layers": "Conv1D Conv1DTranspose Conv2D Conv2DTranspose",
    "graphnet.ops.pool_layers": "AveragePooling1D AveragePooling2D GlobalAveragePooling1D "
    "GlobalAveragePooling2D GlobalMaxPool1D GlobalMaxPool2D MaxPool1D MaxPool2D",
    "graphnet.ops.norm_layers": "BatchNorm GroupNorm LayerNorm RMSNorm",
    "graphnet.ops.attention_layers": "MultiHeadAttention",
    "graphnet.ops.positions": "PositionalEncoding sinusoidal",
    "graphnet.ops.recurrent": "GRU LSTM RNN",
    "graphnet.ops.bidirectional": "Bidirectional",
    "graphnet.ops.regularizers": "L1 L2",
    "graphnet.compiler.build": "function training_step",
    "graphnet.compiler.check_gradients": "check_gradients",
    "graphnet.ops.optimizers": "Adadelta Adagrad Adam AdamW Adamax Lion NAdam Optimizer RAdam "
    "RMSprop SGD",
    "graphnet.ops.schedules": "schedules",
    "graphnet.training.callbacks": "Callback EarlyStopping KeepBest SaveBest",
    "graphnet.training.checkpoint": "load",
    "graphnet.training.descent": "descend",
    "graphnet.training.diagnosis": "Health",
    "graphnet.training.evolution": "evolve",
    "graphnet.training.history": "History",
    "graphnet.training.model": "Model",
    "graphnet.training.sequential": "Sequential",
    "graphnet.view.draw": "draw",
    "graphnet.view.explain": "explain",
    "graphnet.view.lesson": "lesson",
    "graphnet.view.plot": "plot",
    "graphnet.view.unfold": "unfold",
    "graphnet.view.work": "work",
}

PUBLIC: dict[str, str] = {
    name: module for module, names in _MODULES.items() for name in names.split()
}

ELSEWHERE = {  # what torch, Keras and books call it, in small letters
    "linear": "gn.Dense", "fullyconnected": "gn.Dense", "simplernn": "gn.RNN",
    **dict.fromkeys(("batchnorm1d", "batchnorm2d", "batchnormalization"), "gn.BatchNorm"),
    **dict.fromkeys(("layernormalization",), "gn.LayerNorm"),
    **dict.fromkeys(("maxpooling1d",), "gn.MaxPool1D"),
    **dict.fromkeys(("maxpooling2d",), "gn.MaxPool2D"),
    **dict.fromkeys(("avgpool1d", "averagepool1d"), "gn.AveragePooling1D"),
    **dict.fromkeys(("avgpool2d", "averagepool2d"), "gn.AveragePooling2D"),
    "convtranspose1d": "gn.Conv1DTranspose", "convtranspose2d": "gn.Conv2DTranspose",
    "leakyrelu": 'gn.Activation("leaky_relu")', "swish": "gn.silu", "relu6": "gn.clip(x, 0, 6)",
    "crossentropyloss": "gn.cross_entropy", "mseloss": "gn.mse", "square": "x**2", "add": "x + y",
    **dict.fromkeys(("power", "pow"), "x**y"), "floor_divide": "x // y",
    **dict.fromkeys(("mod", "remainder", "fmod"), "x % y"), "ceil": 'gn.op("-floor(-x)")(x)',
    "round": "(x + 0.5) // 1", "squeeze": "x[:, 0]",
    **dict.fromkeys(("expand_dims", "unsqueeze"), "x[:, None]"), "outer": "x[:, None]*y",
    **dict.fromkeys(("dot", "bmm", "mm"), "x @ y"), "norm": "gn.sqrt(gn.sum(x**2))",
    **dict.fromkeys(("swapaxes", "permute"), "gn.transpose(x, axes)"), "amax": "gn.max",
    "amin": "gn.min", "log2": "gn.log(x)/np.log(2)", "log10": "gn.log(x)/np.log(10)",
    "exp2": "2**x", "zeros_like": "gn.zeros(x.shape)", "ones_like": "gn.ones(x.shape)",
    "full": "gn.constant(np.full(shape, value))", "linspace": "gn.constant(np.linspace(...))",
    "greater": "x > y", "less": "x < y", "not_equal": "~gn.equal(x, y)", "logical_and": "a & b",
    "logical_or": "a | b", "logical_not": "~a", "isnan": "~gn.equal(x, x)",
    **dict.fromkeys(("tensor", "variable", "asarray", "array"), "gn.constant(array), or gn.input"),
    **dict.fromkeys(("cat", "hstack", "vstack"), "gn.concatenate"),
    **{
        name: f'gn.op("{name}(x)")(x)'
        for name in ("tan", "sinh", "cosh", "atan", "asinh", "acosh", "atanh", "floor", "erfc")
    },
}  # fmt: skip

ARGUMENTS = {  # what torch and others call arguments of functions
    **dict.fromkeys(("dim", "dims"), "'axis'"), "keepdim": "'keepdims'", "input": "'x'",
    "kernel": "'w'", "filters": "'w'", "strides": "'stride'", "approx": "'approximate'",
    "learning_rate": "in the optimizer, gn.SGD(lr=0.1)", "random_state": "'seed'",
    **dict.fromkeys(("y_pred", "pred", "logits"), "'prediction'"),
    **dict.fromkeys(("y_true", "true", "labels", "label"), "'target'"),
    **dict.fromkeys(("sample_weight", "weights"), "'weight'"),
    "grad_outputs": "'upstream'", "create_graph": "left out: gradients are tensors again",
}  # fmt: skip
