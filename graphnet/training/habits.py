"""Habits: what people of Keras, torch and scikit-learn call arguments and methods of a model."""

from __future__ import annotations

__all__ = ["ELSEWHERE", "METHODS"]

ELSEWHERE = {  # what others call arguments of a model's methods
    **dict.fromkeys(("lr", "learning_rate"), "in the optimizer, gn.Adam(lr=0.001)"),
    **dict.fromkeys(("n_epochs", "num_epochs", "nb_epoch", "max_iter"), "'epochs'"),
    **dict.fromkeys(("class_weight", "weights", "weight"), "'sample_weight', one number a row"),
    **dict.fromkeys(("n_splits", "test_size"), "'validation_split'"),
    "run_eagerly": "style='plain', whose code reads well", "criterion": "'loss'",
    **dict.fromkeys(("target", "targets", "labels", "y_true"), "'y'"),
    **dict.fromkeys(("x", "inputs", "data"), "'X'"), "random_state": "'seed'",
}  # fmt: skip

METHODS = {  # what models of Keras, torch and scikit-learn have
    "add": "gn.Sequential([..., layer]), a list of layers",
    **dict.fromkeys(("forward", "predict_proba", "predict_on_batch", "transform"), "predict"),
    **dict.fromkeys(("predict_classes",), "classify"), "score": "evaluate", "train": "fit",
    "eval": "left out: predict and evaluate play layers as after training",
    **dict.fromkeys(("weights", "trainable_weights", "get_weights", "state_dict", "set_weights",
                     "load_state_dict", "named_parameters"),
                    "parameters, a mapping of arrays by name that can be assigned to"),
    **dict.fromkeys(("load", "load_weights"), "gn.load(path), of what save wrote"),
    "save_weights": "save", "zero_grad": "left out: a step keeps no gradients",
    "backward": "step(x, y), which updates, or gn.grad of tensors", "optimizer": "compile(...)",
    **dict.fromkeys(("train_on_batch", "partial_fit"), "step(x, y)"), "plot": "draw",
    "test_on_batch": "evaluate", "coef_": "parameters", "classes_": "left out: ids are 0, 1, ...",
}  # fmt: skip
