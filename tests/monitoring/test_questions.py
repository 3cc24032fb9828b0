"""docs/questions.md: its queries can be parsed and ask for what there is, and what links to it arrives.

Whether the answers are still the same is for `questions.py --check`, with a real Kafka behind it.
"""

from __future__ import annotations

import re
from pathlib import Path

import dashboards
import pytest
import questions
import yaml
from dashboards import Ask
from lab import paths
from lab.prometheus import promtool
from questions import NOTHING, PAGE, Question, differences, rendered, rewritten
from rulefiles import alerts

# Empty is the answer of a healthy proxy.
EMPTY = {"kafka_filter_undecoded_messages_total", "kafka_filter:proxy:up"}

SMALL = """
<a id="who"></a>

## Who?

```promql
sum by (topic) (x_total)
```

```text
old
```

Text.
"""


def page() -> list[Question]:
    found = questions.questions(PAGE.read_text())
    assert len(found) > 30, "docs/questions.md reads otherwise than expected"
    return found


def test_queries_name_metrics_and_labels_of_the_catalog() -> None:
    faults = [fault for question in page()
              for fault in dashboards.unknown(Ask(PAGE.name, f"#{question.anchor}", question.expression),
                                              question.expression)]
    assert not faults, "\n".join(faults)


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"question:{at}", "expr": question.expression} for at, question in enumerate(page())]
    written = tmp_path / "questions.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", written)


@pytest.mark.parametrize("question", page(), ids=lambda question: f"{question.anchor}-{question.expression[:40]}")
def test_answers_are_those_of_their_query(question: Question) -> None:
    selectors, grouping = dashboards.references(question.expression)
    if question.answer == NOTHING:
        assert {selector.name for selector in selectors} & EMPTY, "an answer that shows nothing teaches nothing"
        return
    assert set(question.columns) <= grouping
    assert question.answer.splitlines()[0].split()[-1] == "value" and question.rows


def test_every_heading_has_an_anchor_and_a_query() -> None:
    text = PAGE.read_text()
    assert len(re.findall(r"^## ", text, re.M)) == len(questions.anchors(text))
    assert questions.anchors(text) == {question.anchor for question in page()}


def test_links_arrive() -> None:
    there = questions.anchors(PAGE.read_text())
    runbooks = {alert.annotations["runbook"] for alert in alerts()}
    wanted = {link.partition("#")[2] for link in runbooks if link.startswith("docs/questions.md")}
    wanted |= set(re.findall(r"\]\(#([a-z0-9-]+)\)", PAGE.read_text()))
    assert wanted and wanted <= there, f"no such question: {wanted - there}"
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target


def test_the_page_names_a_recorded_series_only_where_there_is_one() -> None:
    names = set(re.findall(r"kafka_filter:[\w:]+", " ".join(question.expression for question in page())))
    assert names <= set(dashboards.recorded()), names - set(dashboards.recorded())


def test_answers_become_tables() -> None:
    answer = [({"topic": "a", "job": "j", "__name__": "x"}, 1.0), ({"topic": "long-name", "group": "g"}, 1234.5)]
    assert rendered(answer) == "group  topic      value\n" \
                               "g      long-name  1,234\n" \
                               "-      a              1"
    assert rendered([]) == NOTHING
    assert rendered([({}, 0.01234)]) == " value\n0.0123"
    many = rendered([({"topic": f"t{at}"}, float(at)) for at in range(20)]).splitlines()
    assert len(many) == 14 and many[-1] == "and 8 more"


def test_the_page_is_rewritten_in_its_answers_alone() -> None:
    again = rewritten(SMALL, lambda expression: f"answer to {expression}")
    assert again == SMALL.replace("old", "answer to sum by (topic) (x_total)")
    with pytest.raises(ValueError, match="no answer"):
        questions.questions(SMALL.replace("```text\nold\n```\n", ""))


def test_the_shipped_page_is_as_the_script_writes_it() -> None:
    known = {question.expression: question.answer for question in page()}
    text = PAGE.read_text()
    assert rewritten(text, lambda expression: known[expression]) == text


@pytest.mark.parametrize(("now", "differs"), [
    ("topic   value\norders  9", False),
    ("topic    value\norders   9\ninvoices 3", False),
    ("topic    value\ninvoices 9", True),
    ("group    value\norders   9", True),
    (NOTHING, True),
])
def test_shapes_are_compared(now: str, differs: bool) -> None:
    before = Question("who", "x", "topic   value\norders  1\nclicks  2")
    assert bool(differences(before, now)) == differs


def test_the_traffic_behind_the_page_is_the_demo() -> None:
    """The page says so; its script must not grow clients of its own."""
    script = (paths.REPOSITORY / "tests" / "monitoring" / "questions.py").read_text()
    assert "from demo.traffic import Traffic" in script and "Producer(" not in script
