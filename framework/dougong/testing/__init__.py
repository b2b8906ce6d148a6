"""The conformance kit: what every plugin of a kind promises, checked. Importing it imports no torch.

On the command line it is `dougong plugins check KIND/NAME`; in a test file:

    @pytest.mark.parametrize("check", checks("attention", "my_window"), ids=str)
    def test_conforms(check):
        check()
"""

from dougong.testing.check import SkipCheck, check, skip
from dougong.testing.kit import BoundCheck, check_plugin, checks
from dougong.testing.report import Report, Result

__all__ = ["BoundCheck", "Report", "Result", "SkipCheck", "check", "check_plugin", "checks", "skip"]
