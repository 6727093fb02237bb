"""Each trouble with a connection has its own reason, text and advice, without a password."""

from __future__ import annotations

import errno
import os

import psycopg
import pytest
from psycopg.adapt import Transformer

from switchback.contract.reasons import Reason
from switchback.runner import trouble, url
from switchback.runner.trouble import Said

PASSWORD = "s3cret/canary"
ADDRESS = url.read("postgresql://ann:s3cret%2Fcanary@db.example:5432/shop", {})
HEAD = 'connection to server at "10.0.0.1", port 5432 failed: '

NUMBERS = {
    errno.ECONNREFUSED: Reason.CONNECTION_REFUSED,
    errno.EHOSTUNREACH: Reason.CONNECTION_REFUSED,
    errno.ENOENT: Reason.CONNECTION_REFUSED,
    errno.ETIMEDOUT: Reason.CONNECTION_TIMEOUT,
    errno.ECONNRESET: Reason.CONNECTION_LOST,
}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(HEAD + "FATAL:  irgendwas", "28P01"), Reason.AUTHENTICATION_FAILED),
        (Said(HEAD + "FATAL:  irgendwas", "28000"), Reason.AUTHENTICATION_FAILED),
        (Said(HEAD + "FATAL:  irgendwas", "3D000"), Reason.DATABASE_MISSING),
        (Said(HEAD + "FATAL:  irgendwas", "53300"), Reason.TOO_MANY_CONNECTIONS),
        (Said(HEAD + "FATAL:  irgendwas", "57P03"), Reason.STARTING_UP),
        (Said(HEAD + "FATAL:  irgendwas", "57P01"), Reason.CONNECTION_LOST),
        (Said(HEAD + "FATAL:  irgendwas", "42501"), Reason.PERMISSION_DENIED),
        (Said(HEAD + "FATAL:  irgendwas", "XX000"), Reason.CONNECTION_REFUSED),
        (Said(HEAD + "FATAL:  unsupported startup parameter: options", "08P01"), Reason.POOLER_REFUSED),
        (
            Said(
                HEAD + "FATAL:  Feature not supported: RDS Proxy currently doesn't support command-line "
                "options.",
                "0A000",
            ),
            Reason.POOLER_REFUSED,
        ),
        (Said("Name or service not known", kind="dns"), Reason.UNKNOWN_HOST),
        (Said("no answer within 10 s", kind="timeout"), Reason.CONNECTION_TIMEOUT),
        (Said(HEAD + "server does not support SSL, but SSL was required"), Reason.TLS_FAILED),
        (Said(HEAD + "SSL error: certificate verify failed"), Reason.TLS_FAILED),
        (Said('root certificate file "/x" does not exist'), Reason.TLS_FAILED),
        (Said(HEAD + "fe_sendauth: no password supplied"), Reason.AUTHENTICATION_FAILED),
        (Said(HEAD + "session is read-only"), Reason.STANDBY),
        (
            Said(HEAD + "server closed the connection unexpectedly\n\tThis probably means"),
            Reason.CONNECTION_LOST,
        ),
        (Said("something new"), Reason.CONNECTION_REFUSED),
        *((Said(HEAD + os.strerror(number)), reason) for number, reason in NUMBERS.items()),
    ],
)
def test_each_trouble_has_its_reason(said: Said, reason: Reason) -> None:
    error = trouble.connecting(said, ADDRESS, "db.example:5432")
    assert error.reason is reason
    assert "db.example:5432" in error.message
    assert error.advice
    assert error.message.isprintable()


def test_texts_of_reasons_differ() -> None:
    reasons = {
        "28P01": Reason.AUTHENTICATION_FAILED,
        "3D000": Reason.DATABASE_MISSING,
        "53300": Reason.TOO_MANY_CONNECTIONS,
        "57P03": Reason.STARTING_UP,
        "57P01": Reason.CONNECTION_LOST,
    }
    texts = {trouble.connecting(Said("x", state), ADDRESS, "h:1").message for state in reasons}
    assert len(texts) == len(reasons)


@pytest.mark.parametrize("form", [PASSWORD, "s3cret%2Fcanary", "czNjcmV0L2NhbmFyeQ=="])
def test_a_password_in_the_server_s_words_is_taken_out(form: str) -> None:
    error = trouble.connecting(Said(f"{HEAD}FATAL:  bad thing {form} seen", "XX000"), ADDRESS, "h:1")
    assert form not in error.message
    assert "bad thing *** seen" in error.message


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("permission denied for schema public", "GRANT USAGE, CREATE ON SCHEMA public TO ann;"),
        ("permission denied for table books", "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE books TO ann;"),
        ("permission denied for view v", "GRANT SELECT ON TABLE v TO ann;"),
        ("permission denied for sequence Odd Name",
         'GRANT USAGE, SELECT, UPDATE ON SEQUENCE "Odd Name" TO ann;'),
        ('permission denied for database "shop"', "GRANT CREATE ON DATABASE shop TO ann;"),
        ('permission denied to set role "owner"', "GRANT owner TO ann;"),
        ('permission denied to create extension "pgcrypto"',
         "Give ann the right to create extension, or create pgcrypto beforehand as a superuser."),
        ("must be owner of table books",
         "Run as the owner of table books: name that role with --role, after GRANT <owner> TO ann;"),
        ("keine Berechtigung", "Grant the named right to the role, or name a role that has it with --role."),
    ],
)  # fmt: skip
def test_a_missing_right_prints_the_grant(text: str, advice: str) -> None:
    error = trouble.permission_denied(text, ADDRESS)
    assert (error.reason, error.advice) == (Reason.PERMISSION_DENIED, advice)
    assert "database shop" in error.message


def test_an_answer_that_cannot_be_read_is_no_broken_connection() -> None:
    found = trouble.running(psycopg.DataError("timestamp too large (after year 10K): 'infinity'"), ADDRESS)
    assert found.reason is Reason.DATABASE_CHANGED
    assert "timestamp too large" in found.message
    assert "broke" not in found.message


def test_a_value_that_cannot_be_sent_is_none_of_the_ledger() -> None:
    with pytest.raises(psycopg.DataError) as raised:
        Transformer().as_literal("a\0b")
    found = trouble.running(raised.value, ADDRESS)
    assert found.reason is not Reason.DATABASE_CHANGED
    assert "cannot contain NUL" in found.message
    assert "ledger" not in f"{found.message} {found.advice}"
    assert "broke" not in found.message


def test_advice_suits_a_laptop_and_a_resource() -> None:
    """Who reads it may have a URL, or a Secret that holds one; it names no field that there is not."""
    wrong = trouble.connecting(Said("x", "28P01"), ADDRESS, "h:1").advice
    assert "the URL or the Secret" in wrong
    role = trouble.connecting(Said("x", "22023"), ADDRESS, "h:1", "boss").advice
    tls = trouble.connecting(Said("SSL error: certificate verify failed"), ADDRESS, "h:1").advice
    assert "spec." not in wrong
    assert "--role" in role
    assert "spec.database.role" in role
    assert "sslrootcert" in tls
    assert "spec.database.caFrom" in tls
