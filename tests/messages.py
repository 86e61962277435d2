"What every message to a person keeps to."

import pytest


def one_line(error: pytest.ExceptionInfo) -> str:
    "The message of an error, checked to be one line that was written for a person."
    text = str(error.value)
    assert text and "\n" not in text and len(text) < 400, text
    return text
