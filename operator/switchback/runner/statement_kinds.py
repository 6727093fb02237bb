"""Kinds of statements and objects by the names that PostgreSQL's grammar gives them."""

from __future__ import annotations

RELATIONS = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_INDEX": "index",
    "OBJECT_FOREIGN_TABLE": "foreign table",
}
OTHERS = {
    "OBJECT_SCHEMA": "schema",
    "OBJECT_TYPE": "type",
    "OBJECT_DOMAIN": "type",
    "OBJECT_EXTENSION": "extension",
    "OBJECT_FUNCTION": "function",
    "OBJECT_PROCEDURE": "function",
    "OBJECT_ROUTINE": "function",
    "OBJECT_AGGREGATE": "function",
}
LEAVES = frozenset(
    {"OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY", "OBJECT_EVENT_TRIGGER", "OBJECT_CAST",
     "OBJECT_STATISTIC_EXT", "OBJECT_TRANSFORM"}
)  # fmt: skip
"""Nothing depends on these, so that CASCADE changes nothing."""

OPAQUE = {
    "do_stmt": "a DO block",
    "call_stmt": "a call of a procedure",
    "execute_stmt": "an EXECUTE",
    "load_stmt": "a LOAD",
    "drop_owned_stmt": "DROP OWNED",
    "dropdb_stmt": "DROP DATABASE",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "drop_subscription_stmt": "DROP SUBSCRIPTION",
    "alter_extension_stmt": "an update of an extension",
    "prepare_stmt": "a PREPARE",
    "import_foreign_schema_stmt": "IMPORT FOREIGN SCHEMA",
    "alter_extension_contents_stmt": "a change of what belongs to an extension",
    "discard_stmt": "a DISCARD",
}
ON_ROWS = frozenset(
    {"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "create_table_as_stmt",
     "copy_stmt", "declare_cursor_stmt", "explain_stmt", "refresh_mat_view_stmt"}
)  # fmt: skip
KEPT = frozenset(
    {"view_stmt", "rule_stmt", "create_function_stmt", "create_policy_stmt", "alter_policy_stmt",
     "create_trig_stmt"}
)  # fmt: skip
"""Statements whose expressions are only written down: who uses the object later is not followed."""
HARMLESS = frozenset(
    {"replica_identity_stmt", "alter_collation_stmt", "alter_domain_stmt", "grant_stmt",
     "grant_role_stmt", "alter_default_privileges_stmt", "variable_show_stmt", "create_table_space_stmt",
     "alter_table_space_options_stmt", "alter_table_move_all_stmt", "create_extension_stmt",
     "create_fdw_stmt", "alter_fdw_stmt", "create_foreign_server_stmt",
     "alter_foreign_server_stmt", "create_user_mapping_stmt", "alter_user_mapping_stmt",
     "drop_user_mapping_stmt", "create_policy_stmt", "alter_policy_stmt", "create_am_stmt",
     "create_trig_stmt", "create_event_trig_stmt", "alter_event_trig_stmt", "create_plang_stmt",
     "create_role_stmt", "alter_role_stmt", "alter_role_set_stmt", "drop_role_stmt",
     "alter_seq_stmt", "create_op_class_stmt", "create_op_family_stmt",
     "alter_op_family_stmt", "comment_stmt", "sec_label_stmt", "close_portal_stmt", "fetch_stmt",
     "index_stmt", "create_stats_stmt",
     "alter_stats_stmt", "alter_function_stmt", "alter_object_depends_stmt",
     "alter_owner_stmt", "alter_operator_stmt", "alter_type_stmt", "rule_stmt", "notify_stmt", "listen_stmt",
     "unlisten_stmt", "alter_enum_stmt", "createdb_stmt", "alter_database_stmt",
     "alter_database_refresh_coll_stmt", "alter_database_set_stmt", "alter_system_stmt", "cluster_stmt",
     "vacuum_stmt", "check_point_stmt",
     "lock_stmt", "constraints_set_stmt", "reindex_stmt", "create_conversion_stmt",
     "create_cast_stmt", "create_transform_stmt", "deallocate_stmt", "reassign_owned_stmt",
     "alter_tsdictionary_stmt", "alter_tsconfiguration_stmt", "create_publication_stmt",
     "alter_publication_stmt", "create_subscription_stmt", "alter_subscription_stmt"}
)  # fmt: skip
"""Statements that remove no row, whatever they say. What is in no list is opaque."""
