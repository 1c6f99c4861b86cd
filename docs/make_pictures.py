"""Makes the pictures of the README and the docs: python docs/make_pictures.py"""

from pathlib import Path

import graphnet as gn

HERE = Path(__file__).parent / "images"


def neuron() -> gn.Tensor:
    """The neuron of the README's ten lines."""
    x = gn.input("x", ("batch", 2))
    t = gn.input("t", ("batch",))
    w = gn.parameter("w", (2,), init="ones")
    z = gn.formula("z[n] = Sum(x[n,i]*w[i], i)", x=x, w=w, name="z")
    a = gn.tanh(z).rename("a")
    loss = gn.formula("loss = Sum((a[n] - t[n])**2/size(n), n)", a=a, t=t, name="loss")
    return gn.training_step([x, t], loss, gn.SGD(lr=0.5)).network


def neurons() -> gn.Sequential:
    """The 2-3-1 network of the textbooks."""
    model = gn.Sequential(
        [gn.Input(2), gn.Dense(3, activation="tanh"), gn.Dense(1, activation="sigmoid")]
    )
    model.compile(gn.SGD(lr=0.1), "binary_cross_entropy")
    return model


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    gn.draw(neurons(), "forward", "neurons").render(outfile=HERE / "neurons.svg", cleanup=True)
    drawing = gn.draw(neuron(), stage="all")
    for kind in ("svg", "png"):
        drawing.render(outfile=HERE / f"neuron.{kind}", cleanup=True)
