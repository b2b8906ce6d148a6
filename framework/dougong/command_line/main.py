"""`dougong COMMAND ...`: finds the command, and turns errors into one line and an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from dougong import __version__
from dougong.errors import UserError, suggestion
from dougong.secrets import hide, print_exception

# One line each; the module is imported when its command is run.
COMMANDS = {
    "train": ("train a model put together from plugins", "dougong.command_line.train"),
    "evaluate": ("score a checkpoint on a split", "dougong.command_line.evaluate"),
    "predict": ("answer records or texts with a checkpoint", "dougong.command_line.predict"),
    "serve": ("answer records over HTTP, with a page to try a model", "dougong.command_line.serve"),
    "export": ("write a model in a format of others", "dougong.command_line.export"),
    "data": ("look at data before training on it", "dougong.command_line.data"),
    "runs": ("list runs: state, best metric, what differs", "dougong.command_line.runs"),
    "compare": ("two runs: what differs in settings and result", "dougong.command_line.compare"),
    "report": ("many runs in one page that opens anywhere", "dougong.command_line.report"),
    "dashboard": ("runs in a live page of this machine", "dougong.command_line.dashboard"),
    "benchmark": ("measure the time and memory of every attention", "dougong.command_line.benchmark"),
    "plugins": ("list what can be combined; show one; write a new one", "dougong.command_line.plugins"),
    "completion": ("print the script that completes commands in a shell", "dougong.command_line.completion"),
}

USER_ERROR = 2
TRACEBACK_VARIABLE = "DOUGONG_TRACEBACK"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0, 1 after a fault of ours or a plugin's, 2 after one that the user can mend, 130 after ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Hydra would otherwise print its own account of an error and exit.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.excepthook = print_exception
    try:
        code = _dispatch(words)
        sys.stdout.flush()  # here, where a reader that has left can be caught
        return code
    except UserError as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(hide(" ".join(str(error).split())), file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has seen enough; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(words: list[str]) -> int:
    command = words[0] if words else "--help"
    if command in ("-h", "--help", "help"):
        print(usage())
        return 0
    if command == "--version":
        print(f"dougong {__version__}")
        return 0
    if command not in COMMANDS:
        raise UserError(f"dougong {command}: there is no such command. {suggestion(command, COMMANDS, 'Commands')}")
    run: Callable[[list[str]], int] = import_module(COMMANDS[command][1]).run
    return run(words[1:])


def usage() -> str:
    """What `dougong --help` prints."""
    lines = "\n".join(f"  {name:<12}{what}" for name, (what, _) in COMMANDS.items())
    return (
        "dougong: any attention x any optimizer x any task, put together on the command line\n\n"
        f"usage: dougong COMMAND ...\n\n{lines}\n\n"
        "dougong COMMAND --help says more. DOUGONG_TRACEBACK=1 shows the whole trace of an error.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
