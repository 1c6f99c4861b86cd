"""The command line: arguments in, library calls out.

Nothing heavy is imported before a command is known, so that `graphnet --help` answers at once.
Errors are one line on stderr and exit code 2; Ctrl-C is 130; `check` gives 1 where a gradient is
wrong.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import graphnet
from graphnet.errors import GraphnetError, did_you_mean, told

__all__ = ["main"]

_MODEL = "a built-in example, a .py file that defines `model` (it is run), or a saved model"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    try:
        if not given:
            parser.print_help()
            return 0
        _refuse_unknown(given[0])
        arguments = parser.parse_args(given)
        module = importlib.import_module(f"graphnet.cli.{arguments.module}")
        code: int = getattr(module, arguments.command)(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help and wrong arguments
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # `graphnet source digits | head`: the reader has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (GraphnetError, OSError, ImportError, MemoryError) as error:
        return _fail(str(error) or type(error).__name__, 2)


def _fail(message: str, code: int) -> int:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    print(f"graphnet: {lines[0] if lines else 'failed'}", file=sys.stderr)
    return code


def _refuse_unknown(word: str) -> None:
    if not word.startswith("-") and word not in _COMMANDS:
        raise GraphnetError(f"there is no command {told(word)}{did_you_mean(word, _COMMANDS)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help tells more\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="graphnet",
        description="Neural networks as formulas: derived, drawn and compiled to NumPy.",
        epilog="examples:\n  graphnet train digits\n"
        '  graphnet derive "Y[n,o] = Sum(x[n,i]*W[i,o], i)" --wrt W\n'
        "  graphnet draw digits --stage backward\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"graphnet {graphnet.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary, arguments) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(module=module, command=name)
        arguments(command)
    return parser


def _train(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "name",
        metavar="NAME",
        help="digits, neuron, house, xor, iris, rnn, lstm, gru, cnn, autoencoder, images or gpt",
    )
    command.add_argument(
        "--data", metavar="FOLDER", help="for images: your pictures, a subfolder a kind"
    )
    command.add_argument("--epochs", type=_count, metavar="N", help="(default: the example's)")
    command.add_argument("--batch-size", type=_count, metavar="N", help="(default: the example's)")
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="(default: 0)")
    command.add_argument("--out", metavar="DIR", help="where the files go (default: runs/NAME)")
    command.add_argument("--quiet", action="store_true", help="no progress, only the result")


def _derive(command: argparse.ArgumentParser) -> None:
    command.add_argument("formula", metavar="FORMULA", help='such as "Y[i] = Sum(A[i,k]*x[k], k)"')
    command.add_argument(
        "--wrt",
        action="append",
        metavar="NAME",
        help="a tensor, or x,W (default: all)",
    )
    command.add_argument(
        "--style", choices=("text", "unicode", "latex"), default="text", help="of the formulas"
    )


def _draw(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="NAME|FILE.py", help=_MODEL)
    stages = ("forward", "loss", "backward", "update", "all")
    command.add_argument("--stage", choices=stages, default="forward", help="(default: forward)")
    levels = ("layers", "tensors", "neurons")
    command.add_argument("--level", choices=levels, default="tensors", help="(default: tensors)")
    command.add_argument(
        "--no-steps", action="store_true", help="recurrences without the step inside"
    )
    command.add_argument(
        "--out", metavar="FILE", help="a .svg, .png or .gv file (default: NAME_STAGE.svg)"
    )


def _source(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="NAME|FILE.py", help=_MODEL)
    command.add_argument("--out", metavar="FILE", help="a file (default: print it)")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="NAME|FILE.py", help=_MODEL)
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="(default: 0)")
    command.add_argument(
        "--elements", type=_count, default=3, metavar="N",
        help="of each tensor that are moved one by one (default: 3)",
    )  # fmt: skip
    command.add_argument(
        "--stability", action="store_true",
        help="say what was rewritten so that numbers are right, and where the naive form fails",
    )  # fmt: skip


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="NAME|FILE.py", help=_MODEL)
    command.add_argument(
        "--wrt", action="append", metavar="NAME", help="a parameter (default: all)"
    )
    command.add_argument(
        "--style", choices=("text", "unicode", "latex"), default="text", help="of the formulas"
    )


def _lesson(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="NAME|FILE.py", help=_MODEL)
    command.add_argument("--out", metavar="DIR", help="where lesson.html goes (default: runs/NAME)")
    command.add_argument(
        "--rows", type=_count, default=4, metavar="N",
        help="of the first batch; a file gives data as X and y (default: 4)",
    )  # fmt: skip
    command.add_argument(
        "--epochs", type=_seed, default=0, metavar="N", help="to train before (default: 0)"
    )
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="(default: 0)")


def _plot(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", metavar="WHAT", help="activations, history, confusion or weights")
    command.add_argument(
        "names", nargs="*", metavar="NAME",
        help="for activations: which (default: all); for the others: a built-in example",
    )  # fmt: skip
    command.add_argument("--together", action="store_true", help="activations: all in one panel")
    command.add_argument("--epochs", type=_count, metavar="N", help="(default: the example's)")
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="(default: 0)")
    command.add_argument("--out", metavar="FILE.png", help="(default: WHAT.png)")


def _count(text: str) -> int:
    return _whole(text, 1)


def _seed(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at least {least}, came {told(text)}"
        )
    return int(text)


# name -> (module, what it does, its arguments)
_COMMANDS = {
    "train": ("train", "trains an example and leaves pictures, source and a page", _train),
    "derive": ("derive", "prints the adjoints of a formula and their NumPy", _derive),
    "draw": ("models", "draws a network", _draw),
    "source": ("models", "prints the NumPy program of a model's training step", _source),
    "explain": ("models", "tells how a model's gradients are derived, step by step", _explain),
    "lesson": ("lesson", "leaves a page that steps through one training step", _lesson),
    "plot": ("plot", "draws activations, or how an example trained, as a PNG", _plot),
    "check": ("models", "compares gradients with literal loops and differences", _check),
}
