"""``trackforge sagemaker``: its subcommands, each imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, Group, Parameter

from trackforge_sagemaker.control.subcommands import SUBCOMMANDS

__all__ = ["SageMaker", "tree"]

HELP = """Drive SageMaker: make jobs and endpoints, wait for them, use them, take everything away again.

    trackforge sagemaker choose film --payload 40MB --seconds 300
    trackforge sagemaker deploy cameras --from-job street-1 --dry-run
    trackforge sagemaker track street.mp4 --endpoint street -o out/
    trackforge sagemaker delete --project street
"""
EPILOGUE = """--dry-run shows every request as JSON and makes none.

Credentials are those that boto3 finds. Settings also come from --config FILE.toml,
TRACKFORGE_SAGEMAKER_PROJECT (of every subcommand) and TRACKFORGE_SAGEMAKER_DEPLOY_INSTANCE (of one).
"""


class SageMaker:
    """The command, for `trackforge.cli`."""

    def __call__(self, argv: Sequence[str], /) -> int:
        """Run a subcommand; return its exit code.

        Raises:
            CycloptsError: The words are wrong.
            TrackforgeError: What the subcommand raises.
        """
        words = ["sagemaker", *(argv or ["--help"])]
        code = tree()(words, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else 0


def tree() -> App:
    """Return the tree of commands; the outer one is there so that messages name the whole command."""
    plain = Parameter(negative="")
    outer = App(name="trackforge", version_flags=[], help_format="plaintext", default_parameter=plain)
    app = App(name="sagemaker", help=HELP, help_epilogue=EPILOGUE, version_flags=[])
    groups: dict[str, Group] = {}
    for one in SUBCOMMANDS:
        group = groups.setdefault(one.group, Group(one.group, sort_key=len(groups)))
        app.command(f"trackforge_sagemaker.control.{one.target}", name=one.name, help=one.help, group=group)
    outer.command(app)
    return outer
