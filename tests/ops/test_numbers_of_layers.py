"""The numbers that layers take where one is made of others, and what wrong layers are told."""

import pytest

import graphnet as gn


def test_layers_inside_a_residual_count():
    inner = gn.Residual(gn.Dense(3), gn.Dense(3))
    model = gn.Sequential([gn.Input(3), gn.Dense(3), inner, gn.Dense(2)])
    names = [n for n in model.network() if n.startswith("W")]
    assert names == ["W1", "W2", "W3", "W4"]


class NoTraining(gn.Layer):
    def call(self, x):
        return x


BAD = [
    (lambda: gn.Residual([gn.Dense(2)]), "a Residual is made of layers"),
    (lambda: gn.Sequential(gn.Dense(2)), "a Sequential takes a list of layers"),
    (lambda: NoTraining()(gn.input("x", ("batch", 2))), "`training`"),
    (lambda: gn.Dropout("half"), ">= 0 and < 1, came str: 'half'"),
    (lambda: gn.L2("x"), "the rate of L2 must be a finite number"),
    (lambda: gn.op("a +"), "came the end"),
]


@pytest.mark.parametrize(("make", "told"), BAD, ids=lambda v: v if isinstance(v, str) else "")
def test_wrong_layers_are_told_plainly(make, told):
    with pytest.raises(gn.GraphnetError) as caught:
        make()
    assert told in str(caught.value)
