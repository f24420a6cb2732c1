"""Generate the reference of the command line, man pages and shell completion from the parsers.

``python -m edge_agent.cli.manual`` writes ``docs/reference/command-line.md``, which a test keeps current;
``python -m edge_agent.cli.manual FOLDER`` writes the man pages to the folder, and ``--prefix /usr/local``
installs man pages and completion of bash below that folder, which role edge_agent does on a gateway.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from edge_agent import __version__
from edge_agent.core.command_line.exit_codes import EX_OK, GENERAL
from edge_agent.core.command_line.parser import CommandParser, Commands, HelpText, add_command

REFERENCE = Path(__file__).parents[2] / "docs/reference/command-line.md"
WIDTH = 100


def add_command_to(commands: Commands) -> None:
    completion = add_command(
        commands,
        "completion",
        "print the completion of this command line for a shell",
        "source <(edge-agent completion bash)",
    )
    completion.add_value("shell", "SHELL", "bash or zsh", choices=("bash", "zsh"))


def run_completion(args: argparse.Namespace, parser: CommandParser, out: TextIO) -> int:
    if args.shell == "zsh":
        out.write("autoload -U +X bashcompinit && bashcompinit\n")
    out.write(bash_completion(parser))
    return EX_OK


def walk(parser: CommandParser) -> Iterator[CommandParser]:
    """Yield the parser and the parsers of all its sub-commands, in the order of the help."""
    yield parser
    for each in parser.commands.values():
        yield from walk(each)


# --- shell completion ---

_BASH = """\
_edge_agent() {{
    local command= word words= i
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="$command ${{COMP_WORDS[i]}}"
        case "$word" in
            {paths}) command=$word ;;
        esac
    done
    case "$command $previous" in
{values}
        *) case "$command" in
{words}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _edge_agent edge-agent
"""


def bash_completion(parser: CommandParser) -> str:
    """Return a bash function that completes sub-commands, options and choices; bash itself completes file
    names."""
    paths, values, words = [], [], []
    for each in walk(parser):
        path = each.prog.removeprefix("edge-agent")
        if path:
            paths.append(f'"{path}"')
        names = [name for action in each.visible_actions for name in action.option_strings]
        choices = [str(c) for a in each.visible_actions if not a.option_strings for c in a.choices or ()]
        offered = [*each.commands, *choices, *each.completed_values, *names, "--help"]
        words.append(f"""            "{path}") words="{" ".join(offered)}" ;;""")
        for action in each.visible_actions:
            if action.option_strings and action.nargs != 0:
                listed = " ".join(map(str, action.choices or ()))
                pattern = "|".join(f'"{path} {name}"' for name in action.option_strings)
                values.append(f"""        {pattern}) words="{listed}" ;;""")
    return _BASH.format(paths="|".join(paths), values="\n".join(values), words="\n".join(words))


# --- man pages ---


def write_man_pages(parser: CommandParser, folder: Path) -> list[Path]:
    """Write one page of section 1 for each command: ``edge-agent.1``, ``edge-agent-status.1`` and so on.

    Return the pages that changed.
    """
    pages = {folder / f"{_page_name(each)}.1": man_page(each) for each in walk(parser)}
    return [path for path, text in pages.items() if _write_if_changed(path, text)]


def install(parser: CommandParser, prefix: Path) -> list[Path]:
    """Install man pages and completion below ``prefix``, and delete pages of commands that no longer exist.

    Return the files that changed.
    """
    folder = prefix / "share/man/man1"
    changed = write_man_pages(parser, folder)
    current = {f"{_page_name(each)}.1" for each in walk(parser)}
    for path in folder.glob("edge-agent*.1"):
        if path.name not in current:
            path.unlink()
            changed.append(path)
    completion = prefix / "share/bash-completion/completions/edge-agent"
    if _write_if_changed(completion, bash_completion(parser)):
        changed.append(completion)
    return changed


def _write_if_changed(path: Path, text: str) -> bool:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def man_page(parser: CommandParser) -> str:
    name = _page_name(parser)
    about = parser.description or ""
    lines = [
        f'.TH "{name.upper()}" "1" "" "edge-agent {__version__}" "edge-agent"',
        *(".SH NAME", f"{_roff(name)} \\- {_roff(about[:1].lower() + about[1:].rstrip('.'))}"),
        *(".SH SYNOPSIS", ".nf", _roff(_usage(parser)), ".fi"),
        *(".SH DESCRIPTION", _roff(about)),
    ]
    if parser.commands:
        lines += [".SH COMMANDS"]
        for command, each in parser.commands.items():
            lines += [
                ".TP",
                f"\\fB{_roff(command)}\\fR",
                f"{_roff(each.description or '')} See {_page_name(each)}(1).",
            ]
    if parser.visible_actions:
        lines += [".SH OPTIONS"]
        for action in parser.visible_actions:
            lines += [".TP", f"\\fB{_roff(invocation(action))}\\fR", _roff(help_text(parser, action))]
    if parser.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_roff, parser.examples), ".fi"]
    if not parser.commands:
        lines += [".SH EXIT STATUS"]
        for code, text in exit_codes(parser).items():
            lines += [".TP", f"\\fB{code}\\fR", _roff(text)]
    return "\n".join(lines) + "\n"


def _page_name(parser: CommandParser) -> str:
    return parser.prog.replace(" ", "-")


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", "\\\\&", escaped, flags=re.MULTILINE)


# --- the reference ---

_HEAD = """\
# Command line

Generated from the parsers by `python -m edge_agent.cli.manual`; a test keeps this page current. `edge-agent
COMMAND --help` prints the same. [Why it is so](../decisions/0056-command-line.md).

- The configuration file is `[CONFIG]` or `--config FILE`, for every command that reads one.
- Options are never abbreviated. An option that was renamed works under its old name until the next release,
  with a notice on stderr.
- A gateway that Ansible installed has man pages and the completion of bash: `man edge-agent-status`. On other
  machines `python -m edge_agent.cli.manual --prefix /usr/local` installs both.
- Completion without an installation: `source <(edge-agent completion bash)`, also as a line of `~/.bashrc`.
  In zsh: `zsh` instead of `bash`.
"""


def markdown(parser: CommandParser) -> str:
    """Return the text of ``docs/reference/command-line.md``."""
    return "\n".join((_HEAD, *_exit_code_table(parser), *_renamed_table(parser), *_command_sections(parser)))


def _exit_code_table(parser: CommandParser) -> Iterator[str]:
    yield "## Exit codes\n\n| code | command | meaning |\n|---|---|---|"
    for code, text in GENERAL.items():
        yield f"| {code} | all, where no other line says more | {text} |"
    special = [
        (code, each.prog.removeprefix("edge-agent "), text)
        for each in walk(parser)
        for code, text in each.exit_codes.items()
    ]
    by_meaning: dict[tuple[int, str], list[str]] = {}
    for code, name, text in special:
        by_meaning.setdefault((code, text), []).append(f"`{name}`")
    for (code, text), names in sorted(by_meaning.items()):
        yield f"| {code} | {', '.join(names)} | {text} |"
    yield ""


def _renamed_table(parser: CommandParser) -> Iterator[str]:
    yield "## Renamed options\n\n| command | until this release | now |\n|---|---|---|"
    for each in walk(parser):
        for old, new in each.renamed.items():
            yield f"| `{each.prog.removeprefix('edge-agent ')}` | `{old}` | `{new}` |"
    yield ""


def _command_sections(parser: CommandParser) -> Iterator[str]:
    for each in walk(parser):
        if each is parser or each.commands:
            continue
        yield f"## {each.prog}\n\n{each.description}\n"
        yield "\n".join(f"    {line}" for line in each.examples) + "\n"
        yield "| option or argument | meaning |\n|---|---|"
        for action in each.visible_actions:
            cells = (f"`{invocation(action)}`", help_text(each, action))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def exit_codes(parser: CommandParser) -> dict[int, str]:
    codes = {**GENERAL, **parser.exit_codes}
    return {code: codes[code] for code in sorted(codes)}


def invocation(action: argparse.Action) -> str:
    """Return an argument as the help shows it: ``--fps FPS``, ``--json`` or ``CONFIG``."""
    metavar = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest
    )
    if not action.option_strings:
        return str(metavar)
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    name = str(metavar) if action.metavar or action.choices else action.dest.upper()
    return f"{names} [{name}]" if action.nargs == "?" else f"{names} {name}"


def help_text(parser: CommandParser, action: argparse.Action) -> str:
    """Return the help of one option with its default."""
    return HelpText(parser.prog)._expand_help(action)


def _usage(parser: CommandParser) -> str:
    formatter = HelpText(parser.prog, width=WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


if __name__ == "__main__":
    from edge_agent.cli.arguments import parser as whole

    options = CommandParser(prog="python -m edge_agent.cli.manual", description="Write the manual.")
    options.add_argument("folder", nargs="?", type=Path, help="of man pages; default: the reference in docs/")
    options.add_argument(
        "--prefix", type=Path, help="install man pages and completion below it, and print what changed"
    )
    args = options.parse_args()
    if args.prefix:
        for path in install(whole(), args.prefix):
            print(path)
    elif args.folder:
        write_man_pages(whole(), args.folder)
    else:
        REFERENCE.write_text(markdown(whole()), encoding="utf-8")
