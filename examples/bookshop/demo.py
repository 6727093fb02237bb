"""The story of a bookshop, in two chapters.

One: a schema that grows with the shop, one bad migration, and the way back. Two: blue and green web servers
under load, and schema and traffic that change by one edit, there and back, without a failed request.

Run it with `make demo`, one chapter with `make demo ARGS=two`, or `python -m examples.bookshop.demo` where a
cluster and the operator are ready. KEEP=1 leaves everything in place at the end. The last line is `demo: ok`
and the exit code 0, or the story says what went wrong, shows what is there, and ends with another code: 2
where no cluster can be made.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from examples.bookshop.chapter_one import ChapterOne
from examples.bookshop.chapter_two import ChapterTwo
from examples.bookshop.cluster import IMPOSSIBLE, InterruptedStoryError, Stage
from examples.bookshop.kube import FailedError
from examples.bookshop.telling import Story, say, styled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from examples.bookshop.kube import Kube

ONE, TWO = "one", "two"
CHAPTERS = (ONE, TWO)


def play(story: Story, kube: Kube, chapters: Sequence[str] = CHAPTERS) -> list[str]:
    """Play these chapters in their order; what is worth to be repeated at the end."""
    numbers = []
    if ONE in chapters:
        story.chapter("Chapter one: the schema, a bad migration, and the way back")
        ChapterOne(story, kube).play()
    if TWO in chapters:
        story.chapter("Chapter two: blue, green, and 200 requests a second")
        two = ChapterTwo(story, kube)
        two.play(alone=ONE not in chapters)
        numbers.append(two.numbers)
    return numbers


def interrupt(number: int, frame: FrameType | None) -> None:
    """Turn a signal into an exception, so that what was started is removed."""
    del frame
    raise InterruptedStoryError(number)


def main(argv: Sequence[str] = ()) -> int:
    """Run the story; the exit code says how it ended."""
    parser = argparse.ArgumentParser(prog="make demo", description="The story of a bookshop.")
    parser.add_argument("chapter", nargs="?", choices=CHAPTERS, help="only this one (default: both)")
    chosen = parser.parse_args(argv).chapter
    chapters = (chosen,) if chosen else CHAPTERS
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    story = Story()
    stage = Stage(story)
    try:
        kube = stage.up()
        numbers = play(story, kube, chapters)
    except FailedError as error:
        if error.code == IMPOSSIBLE:
            stage.down()
            say(f"demo: {error}", indent=0)
            return error.code
        say()
        say(styled(f"step {story.number}, {story.title}: {error}", "red"), indent=0)
        ending = f"demo: failed in step {story.number} after {story.total()}: {error}"
        stage.diagnose()
        stage.down()
        say(ending, indent=0)
        return 1
    except InterruptedStoryError as error:
        ending = f"demo: interrupted in step {story.number}; it may be run again at any time"
        stage.down()
        say(ending, indent=0)
        return 128 + error.number
    stage.down()
    for line in (*numbers, f"took {story.total()}"):
        say(f"demo: {line}", indent=0)
    say("demo: ok", indent=0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
