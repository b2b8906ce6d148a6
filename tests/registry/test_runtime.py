"""Registering at run time, as in a notebook or a test."""

import subprocess
import sys

import pytest

import dougong
from dougong.contracts.schedule import Schedule
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue


def define(name: str, height: float) -> type:
    @dougong.register("schedule", name)
    class Cell(Schedule):
        """A cell of a notebook."""

        def __init__(self, rise: float = height) -> None:
            self.rise = rise

        def factor(self, update: int, updates: int) -> float:
            return self.rise

    return Cell


def test_a_class_registered_now_can_be_created_and_composed():
    from dougong.compose.compose import compose

    define("now", 2.0)
    assert dougong.create("schedule", "now").factor(0, 1) == 2.0
    assert dougong.create("schedule", "now", rise=4).rise == 4.0
    assert compose(["schedule=now", "schedule.rise=3"])["schedule"] == {"name": "now", "rise": 3.0}


def test_it_is_listed_as_of_this_process():
    define("now", 2.0)
    found = dougong.plugins("schedule")["now"]
    assert (found.origin, found.summary) == ("this process", "A cell of a notebook.")


def test_running_a_cell_again_replaces_the_class():
    plugins = Catalogue()
    define("again", 2.0)
    assert plugins.get("schedule", "again").signature.setting("rise").default == 2.0
    define("again", 3.0)
    assert plugins.get("schedule", "again").signature.setting("rise").default == 3.0
    assert dougong.create("schedule", "again").rise == 3.0


def test_another_class_of_the_same_name_is_refused_with_both_places():
    define("mine", 2.0)
    with pytest.raises(UserError, match=r"two plugins are called schedule/mine: .*define.*Cell.* and .*Other"):

        @dougong.register("schedule", "mine")
        class Other(Schedule):
            def factor(self, update, updates):
                return 1.0


def test_a_built_in_can_not_be_replaced_by_accident():
    dougong.create("schedule", "constant")
    with pytest.raises(UserError, match=r"two plugins are called schedule/constant: "):
        define("constant", 2.0)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("shedule", "x", "there is no such kind. Did you mean `schedule`?"),
        ("schedule", "my-schedule", "letters, digits and underscores"),
    ],
)
def test_a_wrong_kind_or_name_is_refused_where_it_is_written(kind, name, message):
    with pytest.raises(UserError) as refused:
        dougong.register(kind, name)
    assert str(refused.value).startswith(f"@register('{kind}', '{name}'): ")
    assert message in str(refused.value)


def test_a_notebook_cell_has_no_file_and_can_be_run_again(command):
    program = """
cell = '''
import dougong
from dougong.contracts.schedule import Schedule

@dougong.register("schedule", "celled")
class Celled(Schedule):
    def __init__(self, rise: float = RISE): self.rise = rise
    def factor(self, update, updates): return self.rise
'''
for rise in ("2.0", "3.0"):
    exec(compile(cell.replace("RISE", rise), "<cell>", "exec"))
    print(dougong.create("schedule", "celled").factor(0, 1))
"""
    run = [sys.executable, "-c", program]
    printed = subprocess.run(run, env=command.environment, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["2.0", "3.0"]
