from flows.cli.command import COMMANDS
from flows.cli.examples import EXAMPLES, epilogue


def test_every_command_has_examples_that_call_it():
    assert EXAMPLES.keys() == COMMANDS.keys()
    for command, examples in EXAMPLES.items():
        assert all(words.split()[0] == command for words, _ in examples)


def test_what_an_example_does_is_above_it():
    assert epilogue("list") == (
        "Examples:\n\n    # runs by dataset\n    eigenwave list\n    # with all numbers\n    eigenwave list --json"
    )
