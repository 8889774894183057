"""The page of a study: what results hold is text in it, and its policy lets nothing run."""

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from _study_page import drawn, heading, paragraph, save, table

PAYLOADS = ['"><script>x</script>', "'></td><img src=x onerror=x>", "{0} {text} %s </style>", "$a$"]


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.texts = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_results_hold_is_text_in_every_part_of_a_page(payload, tmp_path):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().set_title(payload.replace("$", r"\$"))
    parts = [
        heading(payload, 3), paragraph(payload), table([payload, 1], [[payload, None], [2.5, "&"]]),
        drawn(figure), payload,
    ]  # fmt: skip
    page = Tags(save(tmp_path / "page.html", payload, parts).read_text(encoding="utf-8"))
    assert not page.found & {"script", "img"}
    # title, heading, three parts and the bare text that was never made markup
    assert sum(payload in text for text in page.texts) >= 6


def test_the_page_states_a_policy(tmp_path):
    text = save(tmp_path / "page.html", "Study", []).read_text(encoding="utf-8")
    assert text.index("Content-Security-Policy") < text.index("<title>")
    assert "default-src &#39;none&#39;" in text
