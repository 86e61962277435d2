"""The shell's commands, run in this process, and what a refusal must look like."""

from click.testing import CliRunner, Result

from synthheart.cli import main


def shell(*words: object, **options) -> Result:
    """Run `synthheart WORDS` in this process; exit code and lines of standard error."""
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def refused(answer: Result, *parts: str) -> None:
    """One line, exit status 2, and every part of the message in it."""
    lines = [
        line
        for line in answer.stderr.splitlines()
        if not line.startswith(("Usage:", "Try ", "Note: ")) and line
    ]
    assert answer.exit_code == 2, answer.output
    assert len(lines) == 1, lines
    assert "Traceback" not in answer.output
    for part in parts:
        assert part in lines[0], lines[0]
