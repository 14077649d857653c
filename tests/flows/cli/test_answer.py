import json

import pytest

from flows.cli.answer import Answer, give_all
from flows.cli.terminal import say
from flows.documents.upkeep import Fault, Verified
from storage.errors import EigenwaveError

FOUND = Verified(run_id="r", files=2, faults=[Fault(path="a\x7fb\u2028é", problem="missing")])
TEXT = Answer(lambda: FOUND, lambda: say("one file"))
JSON_ONLY = Answer(lambda: FOUND, lambda: pytest.fail("text is printed"))
TEXT_ONLY = Answer(lambda: pytest.fail("a document is made"), lambda: say("one file"))


def test_either_the_document_or_the_text_is_made(capsys):
    give_all(JSON_ONLY, as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == FOUND.model_dump()
    assert printed.isascii()
    assert "\x7f" not in printed
    give_all(TEXT_ONLY, as_json=False)
    assert capsys.readouterr().out == "one file\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_failure_comes_after_the_answer(capsys, as_json):
    failed = Answer(TEXT.document, TEXT.text, EigenwaveError("It failed."))
    with pytest.raises(EigenwaveError, match=r"It failed\."):
        give_all(failed, as_json=as_json)
    assert "one file" in capsys.readouterr().out or as_json


def test_a_command_that_goes_on_answers_before(capsys):
    def serve():
        yield TEXT
        assert capsys.readouterr().out == "one file\n"
        say("ended")

    give_all(serve(), as_json=False)
    assert capsys.readouterr().out == "ended\n"


def test_help_has_no_answer(capsys):
    give_all(None, as_json=True)
    assert capsys.readouterr().out == ""
