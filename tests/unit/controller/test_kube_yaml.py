"""The status as it is sent: JSON that the server reads as YAML."""

from __future__ import annotations

import json
import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from switchback.controller.kube.client import as_yaml


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_status_is_yaml_whatever_it_quotes(text: str) -> None:
    whole = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    sent = as_yaml({"message": text})
    assert json.loads(sent) == {"message": whole}
    assert not re.search(rb"\\u[dD][89a-fA-F]", sent)
    if "\ufffe" not in text and "\uffff" not in text:
        assert yaml.safe_load(sent) == {"message": whole}
