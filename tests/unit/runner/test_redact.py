"""What leaves a run holds no password in any form, no data, and at most 512 bytes."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.redact import Redactor, masked

ODD = "p@ss/w:rd %41?#[can'ar\"y]\\"


@pytest.mark.parametrize("secret", [ODD, "simple", "ümläut/€", "aaaa"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: quote(s, safe=""),
        quote,
        quote_plus,
        lambda s: quote(s, safe="").lower(),
        json.dumps,
        repr,
        lambda s: make_conninfo("", password=s),
        lambda s: base64.b64encode(s.encode()).decode(),
        lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
        lambda s: s.encode().hex(),
        lambda s: "'" + s.replace("'", "''") + "'",
        lambda s: f"fe_sendauth: '{s}'",
    ],
)
def test_no_form_of_a_secret_gets_through(secret: str, wrap: object) -> None:
    assert callable(wrap)
    form = wrap(secret)
    clean = Redactor([secret]).clean(f"before {form} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "***" in clean
    core = form.strip("'\"")
    assert core not in clean


@given(
    st.text(alphabet="abcXYZ019-_/+%@", min_size=10, max_size=20), st.text(max_size=7), st.text(max_size=7)
)
def test_the_base64_of_a_url_does_not_show_its_password(secret: str, before: str, after: str) -> None:
    encoded = base64.b64encode((before + secret + after).encode("utf-8", "replace")).decode()
    clean = Redactor([secret]).clean(encoded)
    assert "***" in clean
    left = base64.b64encode(secret.encode()).decode()[4:-4]
    assert left not in clean


def test_a_short_secret_hides_only_itself() -> None:
    assert Redactor(["a"]).clean("a table, password a.") == "*** table, password ***."


def test_no_secret_changes_nothing() -> None:
    assert Redactor([]).clean("x") == Redactor([""]).clean("x") == "x"


@pytest.mark.parametrize(
    ("message", "sqlstate", "expected"),
    [
        ('relation "public.books" does not exist', None, 'relation "public.books" does not exist'),
        ('column "title" of table "b" x', None, 'column "title" of table "b" x'),
        ('duplicate key value violates unique constraint "books_pkey"', "23505",
         'duplicate key value violates unique constraint "books_pkey"'),
        ('invalid input syntax for type integer: "4111-1111"', "22P02",
         'invalid input syntax for type integer: "***"'),
        ('invalid input value for enum mood: "secret"', None, 'invalid input value for enum mood: "***"'),
        ('value "99999999999" is out of range for type integer', None,
         'value "***" is out of range for type integer'),
        ('syntax error at or near "secret"', "42601", 'syntax error at or near "***"'),
        ('column "bob@example.com" does not exist', "42703", 'column "***" does not exist'),
        ('role "app" cannot be dropped', None, 'role "app" cannot be dropped'),
        ('function "f(integer)" is not unique', None, 'function "f(integer)" is not unique'),
        ("user bob@example.com has 4711 orders in 'Berlin'", "P0001", "user *** has *** orders in '***'"),
        ("Fehlerhafte Eingabe für Typ integer: »geheim«", None, "Fehlerhafte Eingabe für Typ integer: »***«"),
        ("entrée « secrète »", None, "entrée «***»"),
        ("cannot drop table books because other objects depend on it", "2BP01",
         "cannot drop table books because other objects depend on it"),
        ("a\nb", None, "a b"),
        ('json: "a", "b"', None, 'json: "***", "***"'),
    ],
)  # fmt: skip
def test_values_are_masked_and_names_kept(message: str, sqlstate: str | None, expected: str) -> None:
    assert masked(message, sqlstate) == expected


def test_a_summary_says_where_what_and_what_next() -> None:
    error = RunnerError(
        Reason.SQL_FAILED,
        f"0002_x fails: the password {ODD} is wrong.",
        "Correct it.",
        file="0002_x.up.sql",
        line=3,
        sqlstate="42P01",
        statement="SELECT 'data'",
        detail="Key (email)=(bob@example.com)",
    )
    text = Redactor([ODD]).summary(error)
    assert text == "0002_x.up.sql:3: 42P01 0002_x fails: the password *** is wrong. Correct it."


@given(st.text(max_size=900))
def test_a_summary_is_bounded(message: str) -> None:
    assert len(Redactor(["secret"]).summary(RunnerError(Reason.BUG, message)).encode()) <= 512


def test_a_cut_never_uncovers_half_a_secret() -> None:
    error = RunnerError(Reason.BUG, "x" * 505 + "topsecretpassword")
    assert "tops" not in Redactor(["topsecretpassword"]).summary(error)


@pytest.mark.parametrize("secret", ["p\udce9ss", "postgresql://u:p\udce9@h/d"])
def test_a_secret_may_hold_bytes_that_are_not_utf_8(secret: str) -> None:
    encoded = quote(secret, errors="surrogateescape")
    assert Redactor([secret]).clean(f"before {secret} and {encoded} after") == "before *** and *** after"


def test_a_secret_may_hold_what_is_no_character() -> None:
    assert Redactor(["p\ud800q"]).clean("before p\ud800q after") == "before *** after"


ESCAPES = "\x1b]0;title\x07 \x9b31m \x7f \x00"


def test_what_a_terminal_would_obey_does_not_get_through() -> None:
    assert Redactor().clean(f"a{ESCAPES}b\n\tc\r\nd\u0085e é") == "a?]0;title? ?31m ? ?b\n\tc\nd?e é"
    summary = Redactor().summary(RunnerError(Reason.SQL_FAILED, f"x {ESCAPES}", f"y {ESCAPES}"))
    assert summary.isprintable()
    assert masked(f"x {ESCAPES}", "P0001").isprintable()


def test_half_a_character_does_not_get_through() -> None:
    """A path or an option that is not UTF-8 could be written nowhere."""
    error = RunnerError(Reason.SOURCE_MISSING, "no folder /tmp/p\udce9")
    assert Redactor().summary(error).startswith("no folder /tmp/p? ")


def test_a_secret_with_an_escape_is_known_with_and_without_it() -> None:
    secret = "top\x1bsecret"
    assert Redactor([secret]).clean(f"{masked(secret)} {secret}") == "*** ***"
