"""Make the videos of the demo: `python examples/player/make_videos.py`; needs ffmpeg, DejaVu."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parent / "site" / "videos"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans{}.ttf"
SIZE = "640x360"
SECONDS = 20
LINE_SECONDS = 4


@dataclass(frozen=True)
class Chapter:
    """A video: a title, and lines that appear one after the other.

    Attributes:
        notes: frequencies of its chord, in hertz.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    color: str
    notes: tuple[float, ...]


BLUE, GREEN = "0x1d3557", "0x1b4332"
CHAPTERS = (
    Chapter(
        "python-variables",
        "Variables",
        ('name = "Ada"', "age = 36", "age = age + 1", "print(name, age)"),
        BLUE,
        (220.0, 277.2, 329.6),
    ),
    Chapter(
        "python-loops",
        "Loops",
        ("for n in range(3):", "    print(n)", "while n > 0:", "    n = n - 1"),
        BLUE,
        (246.9, 311.1, 370.0),
    ),
    Chapter(
        "python-functions",
        "Functions",
        ("def area(width, height):", "    return width * height", "area(3, 4)", "12"),
        BLUE,
        (261.6, 329.6, 392.0),
    ),
    Chapter(
        "git-commits",
        "Commits",
        ("git init", "git add notes.txt", 'git commit -m "First notes"', "git log"),
        GREEN,
        (196.0, 246.9, 293.7),
    ),
    Chapter(
        "git-branches",
        "Branches",
        ("git branch idea", "git switch idea", 'git commit -am "Try it"', "git switch main"),
        GREEN,
        (220.0, 261.6, 329.6),
    ),
    Chapter(
        "git-merging",
        "Merging",
        ("git merge idea", "git diff", "git branch -d idea", "git push"),
        GREEN,
        (174.6, 220.0, 261.6),
    ),
)


def main() -> None:
    """Write every video."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for chapter in CHAPTERS:
        make(chapter)


def make(chapter: Chapter) -> None:
    """Write the video of a chapter."""
    background = f"color=c={chapter.color}:size={SIZE}:rate=8"
    # Each note fades and comes back at a pace of its own.
    tone = "+".join(
        f"0.12*sin(2*PI*{note}*t)*(0.5+0.5*sin(2*PI*t/{pace}))"
        for pace, note in enumerate(chapter.notes, 3)
    )
    subprocess.run(
        [
            *("ffmpeg", "-hide_banner", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", background),
            *("-f", "lavfi", "-i", f"aevalsrc={tone}:sample_rate=22050"),
            *("-t", str(SECONDS), "-vf", ",".join(drawings(chapter))),
            *("-c:v", "libx264", "-preset", "veryslow", "-crf", "31", "-pix_fmt", "yuv420p"),
            *("-g", "60", "-profile:v", "main", "-c:a", "aac", "-b:a", "10k", "-ac", "1"),
            *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
            *("-movflags", "+faststart", str(DIRECTORY / f"{chapter.name}.mp4")),
        ],
        check=True,
    )


def drawings(chapter: Chapter) -> list[str]:
    """Return ffmpeg's filters that write the title and the lines."""
    lines = [
        text(line, y=130 + 48 * number, size=28, mono=True, since=1 + LINE_SECONDS * number)
        for number, line in enumerate(chapter.lines)
    ]
    rule = "drawbox=x=56:y=104:w=72:h=4:color=white@0.8:t=fill"
    return [text(chapter.title, y=44, size=44), rule, *lines]


def text(written: str, *, y: int, size: int, mono: bool = False, since: int = 0) -> str:
    """Return the filter that writes a line from a second on."""
    escaped = written.replace(":", r"\:").replace(",", r"\,").replace("    ", "\u00a0" * 4)
    font = FONT.format("Mono" if mono else "-Bold")
    return (
        f"drawtext=fontfile={font}:text='{escaped}':x=56:y={y}:fontsize={size}"
        f":fontcolor=white:enable='gte(t,{since})'"
    )


if __name__ == "__main__":
    main()
