"""The story's pictures and answers as one drawing, for where there is no HTML."""

from __future__ import annotations

from badnets.report.drawing import FONTS
from badnets.report.html import environment
from badnets.report.page import Story
from badnets.report.palette import COLOURS

SIDE, GAP, LEFT = 96, 12, 4
ANSWER = 34  # height of one network's answer
HEAD = 48  # height of a row's heading and sentence


def story_drawing(story: Story) -> str:
    """Return the story as SVG in the light colours."""
    across = max((len(row.pictures) for row in story.rows), default=0)
    tall = max((len(one.answers) for row in story.rows for one in row.pictures), default=0)
    step = HEAD + SIDE + ANSWER * tall + 20
    return (
        environment()
        .get_template("story.svg.j2")
        .render(
            story=story,
            width=max(2 * LEFT + across * (SIDE + GAP) - GAP, 420),
            height=step * len(story.rows),
            step=step,
            side=SIDE,
            gap=GAP,
            left=LEFT,
            head=HEAD,
            answer=ANSWER,
            fonts=FONTS,
            colours={name: colour.light for name, colour in COLOURS.items()},
        )
    )
