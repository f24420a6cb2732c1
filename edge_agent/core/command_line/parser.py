"""The parser of every command and sub-command.

Rules that it enforces: no abbreviated options; a typo names the nearest valid word; a missing or wrong
sub-command prints the help; every default is in the help; renamed options and sub-commands still work, with
a notice.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_USAGE, GENERAL

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"

CLOSE_ENOUGH = 0.5
"""Similarity, 0 to 1, from which a word is suggested for a typo."""
LOG_LEVELS = ("debug", "info", "warning", "error")


def _name_of(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name may not be empty")
    return text


class HelpText(argparse.HelpFormatter):
    """Adds the default to each help text that does not name one; keeps the lines of examples."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help, action.default
        if not text or "default" in text or default in (None, False, argparse.SUPPRESS) or default == []:
            return text
        return (
            f"{text}; default: {default:g}" if isinstance(default, float) else f"{text}; default: %(default)s"
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        # argparse's formatter breaks lines at hyphens, which cuts file names and options in two.
        words = self._whitespace_matcher.sub(" ", text).strip()
        return textwrap.wrap(words, width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("example"):
            return textwrap.indent(text, indent)
        return super()._fill_text(text, width, indent)


class CommandParser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": HelpText, **options})
        self.examples: tuple[str, ...] = ()
        self.exit_codes: Mapping[int, str] = {}
        self.renamed: dict[str, str] = {}
        """New names of options by their old ones."""
        self.renamed_commands: dict[str, str] = {}
        """New names of sub-commands by their old ones."""
        self.completed_values: tuple[str, ...] = ()
        """Values of an argument that the shell completes, where the command itself checks them."""
        self._config: argparse.Action | None = None

    @property
    def commands(self) -> dict[str, CommandParser]:
        """Sub-commands by name; empty for a command that has none."""
        found = next((a for a in self._actions if isinstance(a, argparse._SubParsersAction)), None)
        return {} if found is None else dict(found.choices)

    @property
    def visible_actions(self) -> list[argparse.Action]:
        """Options and arguments that the help shows, without ``--help`` and without sub-commands."""
        hidden = (argparse._SubParsersAction, argparse._HelpAction)
        return [a for a in self._actions if not isinstance(a, hidden) and a.help != argparse.SUPPRESS]

    def add_commands(self, dest: str) -> Commands:
        """Return the object that takes sub-commands. One of them is required; ``dest`` gets its name."""
        return self.add_subparsers(
            dest=dest, required=True, metavar="COMMAND", title="commands", parser_class=CommandParser
        )

    def add_config(self, default: Path) -> None:
        """Accept the configuration file as ``[CONFIG]`` and as ``--config``, both in ``config``.

        Call it after the other positional arguments.
        """
        common: dict[str, Any] = {"action": _SetConfig, "type": Path, "default": default}
        self.add_argument(
            "config", nargs="?", metavar="CONFIG", help="configuration file; default: %(default)s", **common
        )
        self.add_config_option(default)
        if EX_CONFIG not in self.exit_codes:
            self.describe(
                self.examples, {**self.exit_codes, EX_CONFIG: "the configuration must be corrected"}
            )

    def add_config_option(self, default: Path) -> None:
        """Accept ``--config`` only, for a command that reads CONFIG from its positional arguments itself."""
        self._config = self.add_argument(
            "--config",
            action=_SetConfig,
            type=Path,
            default=default,
            metavar="FILE",
            help="configuration file, the same as CONFIG; default: %(default)s",
        )

    def add_json(self, what: str = "") -> None:
        self.add_flag("--json", f"print JSON for programs{what and '; '}{what}")

    def add_value(self, name: str, metavar: str, about: str, **options: Any) -> argparse.Action:
        """Add an option or argument with a value; ``about`` is its help."""
        return self.add_argument(name, metavar=metavar, help=about, **options)

    def add_by(self, about: str, **options: Any) -> argparse.Action:
        """Add ``--by NAME``, which may not be empty. ``about``: what the name is for."""
        return self.add_value("--by", "NAME", f"name of the person; {about}", type=_name_of, **options)

    def add_path(self, name: str, metavar: str, about: str, **options: Any) -> argparse.Action:
        return self.add_value(name, metavar, about, type=Path, **options)

    def add_repeated(self, name: str, metavar: str, about: str, **options: Any) -> argparse.Action:
        """Add an option that may be repeated. Its values are a list, which is empty without the option."""
        return self.add_value(name, metavar, about, action="append", default=[], **options)

    def add_flag(self, name: str, about: str, **options: Any) -> argparse.Action:
        return self.add_argument(name, action="store_true", help=about, **options)

    def add_logging(self, level: str = "info") -> None:
        self.add_argument(
            "--log-level", choices=LOG_LEVELS, default=level, help="least severe messages that are logged"
        )

    def rename(self, old: str, action: argparse.Action) -> None:
        """Accept ``old`` for the option ``action``. The help hides it; its use prints a notice on stderr."""
        self._option_string_actions[old] = action
        self.renamed[old] = action.option_strings[0]

    def rename_command(self, old: str, new: str) -> None:
        """Accept ``old`` for the command ``new``. The help hides it; its use prints a notice on stderr."""
        self.renamed_commands[old] = new

    def describe(self, examples: Sequence[str], exit_codes: Mapping[int, str]) -> None:
        """Show examples and this command's exit codes below its help."""
        self.examples, self.exit_codes = tuple(examples), exit_codes
        codes = {**GENERAL, **exit_codes}
        self.epilog = "\n".join(
            (
                "examples:" if len(examples) > 1 else "example:",
                *(f"  {each}" for each in examples),
                "",
                "exit codes:",
                *(f"  {code:<3} {codes[code]}" for code in sorted(codes)),
            )
        )

    def parse_words(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse ``args``, in which old spellings may be. Return the options, and words that are none."""
        words = list(sys.argv[1:] if args is None else args)
        self._announce_renamed(words)
        words = self._with_present_command(words)
        found, unknown = super().parse_known_args(words, namespace)
        if self.commands:
            return found, unknown
        if len(unknown) == 1 and self._is_late_config(unknown[0], found):
            found.config, unknown = Path(unknown[0]), []
        if unknown:
            self.error(self._unknown_text(unknown))
        return found, unknown

    parse_known_args = parse_words  # type: ignore[assignment]  # argparse calls it, also for a sub-command

    def error(self, message: str) -> NoReturn:
        if self.commands:
            self.print_help(sys.stderr)
        else:
            self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: error: {message}\n")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            raise argparse.ArgumentError(
                None, f"there is no command {value!r}{nearest(str(value), action.choices)}"
            )
        super()._check_value(action, value)

    def _is_late_config(self, word: str, found: argparse.Namespace) -> bool:
        """Return whether ``word`` is CONFIG after an option: argparse then expects no more positionals."""
        return self._config is not None and found.config is self._config.default and not word.startswith("-")

    def _unknown_text(self, unknown: Sequence[str]) -> str:
        word = next((each for each in unknown if each.startswith("-")), None)
        if word is None:
            return f"unexpected arguments: {' '.join(unknown)}"
        options = [name for action in self.visible_actions for name in action.option_strings]
        return f"there is no option {word.partition('=')[0]}{nearest(word.partition('=')[0], options)}"

    def _announce_renamed(self, words: Sequence[str]) -> None:
        before = words[: words.index("--")] if "--" in words else words
        for name in dict.fromkeys(word.partition("=")[0] for word in before):
            if new := self.renamed.get(name):
                self._announce(name, new)

    def _with_present_command(self, words: list[str]) -> list[str]:
        """Return ``words`` with the new name of a renamed sub-command, and print a notice about it."""
        if not words or (new := self.renamed_commands.get(words[0])) is None:
            return words
        self._announce(words[0], new)
        return [new, *words[1:]]

    def _announce(self, old: str, new: str) -> None:
        notice = f"{old} is now called {new}; the next release no longer accepts {old}"
        print(f"{self.prog}: {notice}", file=sys.stderr)


class _SetConfig(argparse.Action):
    """Set ``config`` from the argument or from the option, and refuse both at once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if values is self.default:  # argparse passes the default of an absent positional argument
            return
        if getattr(namespace, self.dest, self.default) is not self.default:
            parser.error("the configuration file is given twice: as CONFIG and as --config")
        setattr(namespace, self.dest, values)


def add_command(
    commands: Commands,
    name: str,
    about: str,
    *examples: str,
    description: str | None = None,
    exit_codes: Mapping[int, str] | None = None,
) -> CommandParser:
    """Add a sub-command. ``about`` is a phrase in lower case, without a full stop."""
    text = description or f"{about[0].upper()}{about[1:]}."
    parser = commands.add_parser(name, help=about, description=text)
    if examples:
        parser.describe(examples, exit_codes or {})
    return parser


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (the nearest is 'status')`` to append to a message; empty if no known word is similar."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=CLOSE_ENOUGH)
    return f" (the nearest is {found[0]!r})" if found else ""
