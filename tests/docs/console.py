"""The README's commands, and the answers that it tells."""

import re

MARK = "--- the next answer ---"
CHANGING = (
    (r'"requestId":"[0-9a-f]{32}"', '"requestId":"…"'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "…"),
)


def steps_of(readme: str) -> list[tuple[str, str]]:
    """Each command behind a `$`, with the answer that is told below it."""
    blocks = re.findall(r"^```console\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [_split(step) for step in steps]


def _split(step: str) -> tuple[str, str]:
    found = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", step, re.DOTALL)
    assert found
    return found[1], found[2]


def script_of(steps: list[tuple[str, str]], port: str) -> str:
    """A script of all commands, that tells where the answer of each begins."""
    script = "".join(f"echo; echo '{MARK}'\n{command}" for command, _ in steps)
    return script.replace(":8000", f":{port}")


def answers_in(said: str) -> list[str]:
    """The answers in what the script printed."""
    return [settled(answer) for answer in said.split(f"{MARK}\n")[1:]]


def settled(answer: str) -> str:
    """An answer without what is another each time."""
    for pattern, constant in CHANGING:
        answer = re.sub(pattern, constant, answer)
    return answer.strip()


def block_below(heading: str, text: str, language: str) -> str:
    """The first block of a language below a heading."""
    section = f"\n{text}".partition(f"\n{heading}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found, (heading, language)
    return found[1]
