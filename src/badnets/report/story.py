"""The story's pictures and answers as one drawing, for where there is no HTML."""

from __future__ import annotations

from badnets.report.drawing import BAR, FONTS
from badnets.report.html import environment
from badnets.report.page import Story
from badnets.report.palette import COLOURS, MAGMA

SIDE, GAP, LEFT = 96, 12, 4
WORDY, WHOLE = 116, 300  # sides of pictures with words below them, and of whole frames
ANSWER, WORDS = 34, 42  # height of one network's answer: a digit beside its name, words below it
HEAD = 48  # height of a row's heading and sentence


def story_drawing(story: Story) -> str:
    """Return the story as SVG in the light colours."""
    across = max((len(row.pictures) for row in story.rows), default=0)
    tall = max((len(one.answers) for row in story.rows for one in row.pictures), default=0)
    wordy = any(row.wordy for row in story.rows)
    whole = max((row.widest for row in story.rows), default=0) > 400
    side = WHOLE if whole else WORDY if wordy else SIDE
    sizes = [one.size for row in story.rows for one in row.pictures]
    high = round(max((side * height / width for width, height in sizes), default=side))
    answer = WORDS if wordy else ANSWER
    step = HEAD + high + answer * tall + 20
    return (
        environment()
        .get_template("story.svg.j2")
        .render(
            story=story,
            width=max(2 * LEFT + across * (side + GAP) - GAP, 420),
            height=step * len(story.rows) + (BAR if story.scale else 0),
            magma=MAGMA,
            step=step,
            side=side,
            high=high,
            gap=GAP,
            left=LEFT,
            head=HEAD,
            answer=answer,
            wordy=wordy,
            fonts=FONTS,
            colours={name: colour.light for name, colour in COLOURS.items()},
        )
    )
