"""Parameters in database URLs, as libpq and other tools know them: taken, translated, ignored, refused.

Nothing is dropped without a word: what is ignored is named, so that nobody believes in a setting that has no
effect here; what would change the meaning of a migration is refused with the way to say it.
"""

from __future__ import annotations

TAKEN = frozenset(
    {
        "channel_binding", "connect_timeout", "gssdelegation", "gssencmode", "gsslib", "hostaddr",
        "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "passfile",
        "require_auth",
        "requirepeer", "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
        "sslcertmode", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
        "sslrootcert", "sslsni", "target_session_attrs",
    }
)  # fmt: skip
"""Keywords of libpq that are handed on as they are."""

PARTS = {"user": "user", "username": "user", "password": "password", "host": "host", "socket": "host",
         "port": "port",
         "dbname": "dbname", "database": "dbname"}  # fmt: skip
"""Parts of the address that may stand in the query."""

SCHEMAS = frozenset({"schema"})
"""One schema's name, to be quoted (Prisma)."""

SEARCH_PATHS = frozenset({"search_path", "currentschema", "schema_search_path", "searchpath"})
"""A list as SQL writes it (pgx and lib/pq, JDBC, Rails, Npgsql)."""

SETTINGS = {"timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle"}
"""Settings of the server that give a migration its meaning; they travel in the start-up options."""

SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})

SSL_WORDS = {"true": "require", "1": "require", "on": "require", "yes": "require", "false": "disable",
             "0": "disable", "off": "disable", "no": "disable", "no-verify": "require"}  # fmt: skip
"""Values of `ssl` and `sslmode` in node-postgres, asyncpg and Rails. JDBC's `ssl=true` is `verify-full`."""

_OWN = "Switchback sets it itself"
_POOL = "it is for the connection pool of an application"
_DRIVER = "it is for the driver of an application"

IGNORED = {
    # what Switchback decides
    **dict.fromkeys(
        ("application_name", "applicationname", "fallback_application_name", "client_encoding", "encoding",
         "charset", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
         "tcp_user_timeout", "tcpkeepalive", "statement_timeout", "lock_timeout",
         "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout",
         "client_min_messages", "standard_conforming_strings", "min_messages", "command_timeout",
         "commandtimeout", "keepalive", "query_timeout"), _OWN,
    ),
    # pools: Prisma, Rails, pgx, SQLAlchemy, node-postgres, JDBC, Npgsql
    **dict.fromkeys(
        ("connection_limit", "pool_timeout", "pool", "pool_size", "poolsize", "max_overflow",
         "checkout_timeout", "reaping_frequency", "idle_timeout", "pool_max_conns", "pool_min_conns",
         "pool_max_conn_lifetime",
         "pool_max_conn_lifetime_jitter", "pool_max_conn_idle_time", "pool_health_check_period",
         "pool_min_idle_conns", "max", "min", "idletimeoutmillis", "connectiontimeoutmillis", "pooling",
         "maxpoolsize", "minpoolsize", "conn_max_age", "conn_health_checks", "max_connections",
         "min_connections", "pool_recycle", "pool_pre_ping", "max_lifetime", "timeout",
         "single_use_connections", "max_idle_connection_lifetime", "queue_target", "queue_interval"), _POOL,
    ),
    # drivers
    **dict.fromkeys(
        ("socket_timeout", "sockettimeout", "connecttimeout", "logintimeout", "statement_cache_size",
         "statement_cache_capacity", "statement_cache_mode", "description_cache_capacity",
         "default_query_exec_mode", "prefer_simple_protocol", "prepared_statement_cache_size",
         "prepared_statements", "prepare", "preparethreshold", "preparedstatementcachequeries",
         "preparedstatementcachesizemib", "rewritebatchedinserts", "stringtype", "binary_parameters",
         "binarytransfer", "defaultrowfetchsize", "loglevel", "logger", "adapter", "async_fallback",
         "prepared_statement_name_func", "cancel_signal_timeout", "cancelsignaltimeout",
         "assumeminserverversion", "autosave", "uselibpqcompat", "advisory_locks", "variables",
         "insert_returning", "sslfactory", "sslidentity", "ssladapter", "targetservertype",
         "loadbalancehosts", "hostrecheckseconds", "disablecolumnsanitiser", "tz", "serverversion",
         "server_version", "multi_statement", "fetch_types", "max_pipeline",
         "disable_prepared_binary_result", "statement-cache-capacity", "min_read_buffer_size"), _DRIVER,
    ),
    # windows and pictures
    **dict.fromkeys(
        ("statuscolor", "enviroment", "environment", "env", "name", "safemodelevel", "advancedsafemodelevel",
         "driverversion", "lazyload", "useprivatekey"), "it is for a program with windows",
    ),
    "pgbouncer": "whether a pooler is in between is found out by asking",
    "supa": "it is for a proxy",
    "workaround": "it is for a proxy",
}  # fmt: skip
"""Parameters of other tools, by name in small letters, with the reason why they have no effect here."""

IGNORED_PREFIXES = {"x-": "it is for golang-migrate"}

REFUSED = {
    "role": (
        "a role decides who owns what a migration creates.",
        "Remove it from the URL; a command line takes --role.",
    ),
    "replication": ("a replication connection runs no migrations.", "Remove replication from the URL."),
    "sslcompression": ("TLS compression is no longer supported.", "Remove sslcompression from the URL."),
    "sslaccept": (
        "sslaccept=strict is Prisma's word for verified TLS.",
        "Use sslmode=verify-full with sslrootcert.",
    ),
    "readonly": ("a read-only connection runs no migrations.", "Remove it from the URL."),
    "default_transaction_read_only": (
        "a read-only connection runs no migrations.",
        "Remove it from the URL.",
    ),
    "api_key": ("this is an address of Prisma's proxy.", "Use the direct URL of the database."),
    "servicefile": ("a service file is named by the environment.", "Set PGSERVICEFILE instead."),
    "sslkeylogfile": ("it would write the keys of the TLS session to a file.", "Remove it from the URL."),
    "ssl_context": ("this is an object of Python.", "Use sslmode=require, or verify-full."),
    "sslinline": ("it says that certificates stand in the URL.", "Put them into files, and name those."),
    "tlsmode": ("this is TablePlus's name for it.", "Use sslmode=require, or verify-full; or leave it out."),
    "krbservername": ("this is JDBC's name for it.", "Use krbsrvname."),
    "gssencryptionmode": ("this is JDBC's name for it.", "Use gssencmode."),
    "sslhostnameverifier": ("this is a class of Java.", "Use sslmode=verify-full with sslrootcert."),
}
"""Parameters that cannot be ignored, with why and what to write instead."""

HARMLESS = frozenset({("sslaccept", "accept_invalid_certs"), ("tlsmode", "0")})
"""Of names that are refused: values that ask for nothing. TablePlus writes its one into every URL."""

READ_ONLY_ATTRS = frozenset({"read-only", "standby", "prefer-standby"})
"""Values of target_session_attrs that ask for, or allow, a server where nothing can be changed."""
