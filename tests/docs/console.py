"""Read the commands of a page, and the responses that it shows for them."""

import json
import re

MARK = "--- the next response ---"
CHANGING = (
    (r'"requestId":"[0-9a-f]{32}"', '"requestId":"…"'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "…"),
)
# A block of commands, and directly below it the block of the response.
LINES = r"((?:(?!```).*\n)*)"
STEP = re.compile(rf"^```sh\n{LINES}```\n\n```(json|text)\n{LINES}```$", re.MULTILINE)


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return each block of commands that has a response below it, and that response."""
    return [
        (commands, _in_one_line(response) if language == "json" else response)
        for commands, language, response in STEP.findall(page)
    ]


def _in_one_line(response: str) -> str:
    """Return a formatted response as the service sends it."""
    return json.dumps(json.loads(response), ensure_ascii=False, separators=(",", ":"))


def script_of(steps: list[tuple[str, str]], port: str) -> str:
    """Return a script of all commands that marks where each response begins."""
    script = "".join(f"echo; echo '{MARK}'\n{commands}" for commands, _ in steps)
    return script.replace(":8000", f":{port}")


def answers_in(output: str) -> list[str]:
    """Return the responses in what the script printed."""
    return [settled(response) for response in output.split(f"{MARK}\n")[1:]]


def settled(response: str) -> str:
    """Return a response without what differs each time."""
    for pattern, constant in CHANGING:
        response = re.sub(pattern, constant, response)
    return response.strip()


def block_below(heading: str, text: str, language: str) -> str:
    """Return the first block of a language below a heading."""
    section = f"\n{text}".partition(f"\n{heading}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found, (heading, language)
    return found[1]
