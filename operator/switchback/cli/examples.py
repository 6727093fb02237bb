"""Examples at the end of every help text. A test reads each of them as the command line would."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "status": ("status", "status --all", "status --check    # in CI: ends with 3 when something is pending"),
    "migrate": (
        "migrate",
        "migrate --dry-run",
        "migrate --target 0007",
        "migrate --env staging --lock-timeout 5s",
    ),
    "rollback": (
        "rollback",
        "rollback --dry-run --target 0005",
        'rollback --steps 2 --accept-data-loss --reason "INC-4711"',
        "rollback --snapshot pgdump:./restore-points --check http=https://shop.example/health",
    ),
    "redo": ("redo", "redo --steps 2 --accept-data-loss"),
    "reset": ("reset --dry-run", "reset --yes --accept-data-loss"),
    "plan": (
        "plan",
        "plan --target 0005 --sql",
        "plan --exit-code    # in CI: ends with 3 when there is work",
    ),
    "history": ("history", "history 0007", "history --limit 0 --json"),
    "adopt": (
        "adopt --dry-run",
        "adopt --from goose --yes",
        "adopt --table audit.schema_migrations",
        "adopt --target 0042    # the files are others than those that the tool has applied",
    ),
    "baseline": ("baseline --target 0042 --dry-run", "baseline --target 0042"),
    "repair": (
        "repair --mark 0007    # its statements were run by hand",
        "repair --unmark 0007    # they were undone by hand",
        "repair --rename 7_orders 0007_orders",
        "repair --accept-changed 0007    # the file was edited after it had run",
        'repair --release --reason "the Job is gone"',
        "repair --rebind",
    ),
    "protect": ("protect", "protect --off"),
    "new": ("new add users table", "new --dir db/migrations 'drop the old index'"),
    "wait": ("wait", "wait --timeout 120 && switchback migrate"),
    "dump": ("dump", "dump --output schema.sql"),
    "config": ("config", "config --env staging", "config --json"),
    "help": ("help migrate", "help exit-codes", "help directives"),
    "check": ("check -f release.yaml --stage BeforeCutover", "check -f - --stage AfterMigrate --only health"),
    "restore": (
        "restore ./restore-points/shop-20260101T000000Z --database shop_copy",
        "restore s3://backups/shop/NAME --database shop_copy --no-owner",
    ),
    "snapshot": ("snapshot create --to ./restore-points", "snapshot list ./restore-points"),
    "snapshot create": (
        "snapshot create --to ./restore-points",
        "snapshot create --to s3://backups/shop --name before-release --jobs 4",
    ),
    "snapshot verify": ("snapshot verify ./restore-points/shop-20260101T000000Z",),
    "snapshot list": ("snapshot list ./restore-points", "snapshot list s3://backups/shop --json"),
    "snapshot prune": ("snapshot prune --to ./restore-points --uid UID --dry-run",),
    "snapshot prepare": (
        "snapshot prepare --to /snapshots --work /switchback/secrets --name NAME --operation-id ID",
    ),
    "snapshot seal": (
        "snapshot seal --to /snapshots --work /switchback/secrets --name NAME --operation-id ID",
    ),
    "snapshot accept": (
        (
            "snapshot accept --operation-id ID --name NAME --report /switchback/result/result.json "
            "--begin /switchback/begin/pod"
        ),
    ),
    "snapshot login": ("snapshot login --to /switchback/secrets/pgpass",),
    "explain": ("explain release.yaml", "explain --offline release.yaml config.yaml"),
    "run": (
        "run --operation inspect --operation-id try-1",
        "run --operation migrate --operation-id ID --json",
    ),
    "operator": ("operator --runner-image registry.example/switchback:0.1.0",),
    "crd": ("crd | kubectl apply --server-side -f -",),
    "version": ("version", "version --json"),
    "completion": (
        "completion bash > ~/.local/share/bash-completion/completions/switchback",
        "completion zsh > ~/.zfunc/_switchback    # a folder of $fpath",
        "completion fish > ~/.config/fish/completions/switchback.fish",
    ),
}
"""By the words of the command, without the program."""
