"""What PostgreSQL says of tables in its own words, in which nothing that it knows is left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    union_all,
    values,
)
from sqlalchemy.dialects.postgresql import REGCLASS

_CLASS = table("pg_class", column("oid"), column("relname", String), column("relnamespace"))
_NAMESPACE = table("pg_namespace", column("oid"), column("nspname", String))
_ATTRIBUTE = table(
    "pg_attribute",
    *(column(name) for name in ("attrelid", "attname", "attnum", "atttypid", "atttypmod")),
    *(column(name) for name in ("attnotnull", "attisdropped", "attidentity", "attgenerated")),
    *(column(name) for name in ("attcollation",)),
)
_TYPE = table("pg_type", column("oid"), column("typcollation"))
_DEFAULT = table("pg_attrdef", column("adrelid"), column("adnum"), column("adbin"))
_CONSTRAINT = table(
    "pg_constraint", *(column(name) for name in ("oid", "conrelid", "conname", "contype"))
)
_INDEX = table(
    "pg_index", *(column(name) for name in ("indrelid", "indexrelid", "indisunique", "indisvalid"))
)


def described(tables: Sequence[str]) -> CompoundSelect[Any]:
    """Return what selects a line for each column, constraint and index of tables that are there.

    Two tables are the same when their lines are. The schema is not in them, nor the names of
    NOT NULL, which only newer versions of PostgreSQL have.

    Args:
        tables: their names, found by the search path.
    """
    ours = _CLASS.c.oid.in_([func.to_regclass(name) for name in tables])
    return union_all(_columns(ours), _constraints(ours), _indexes(ours))


def missing_usage(name: str, schema: str | None) -> Select[Any]:
    """Return what selects a line for each schema whose table is out of reach.

    Args:
        name: of the table.
        schema: that the table is in; None for any, where the search path leads to no such table.
    """
    line = "USAGE on schema " + _NAMESPACE.c.nspname
    source = _CLASS.join(_NAMESPACE, _NAMESPACE.c.oid == _CLASS.c.relnamespace)
    is_it = _NAMESPACE.c.nspname == schema if schema else func.to_regclass(name).is_(None)
    usage = func.has_schema_privilege(_NAMESPACE.c.oid, "USAGE", type_=Boolean)
    return select(line).select_from(source).where(_CLASS.c.relname == name, is_it, ~usage)


def missing_privileges(needed: Mapping[str, Sequence[str]], schema: str | None) -> Select[Any]:
    """Return what selects a line for each privilege that the current role lacks.

    Args:
        needed: the privileges, by the table; a table that is missing itself counts for nothing.
        schema: that the tables are in; None for where the search path leads.
    """
    prefix = f"{schema}." if schema else ""
    pairs = values(column("name", String), column("privilege", String), name="needed").data(
        [(name, privilege) for name, privileges in needed.items() for privilege in privileges]
    )
    found = func.to_regclass(prefix + pairs.c.name)
    has = func.has_table_privilege(found, pairs.c.privilege, type_=Boolean)
    return select(pairs.c.privilege + " on " + pairs.c.name).where(~has)


def _line(kind: str, *parts: ColumnElement[Any]) -> ColumnElement[str]:
    return func.concat_ws(" ", _CLASS.c.relname + f": {kind}", *parts)


def _where(condition: ColumnElement[bool], text: str) -> ColumnElement[Any]:
    return case((condition, text))


def _columns(ours: ColumnElement[bool]) -> Any:
    of, default = _ATTRIBUTE.c, _DEFAULT.c
    collation = cast(func.nullif(of.attcollation, _TYPE.c.typcollation), String)
    line = _line(
        "column",
        of.attname,
        func.format_type(of.atttypid, of.atttypmod),
        "collation " + collation,
        _where(of.attnotnull, "not null"),
        "default " + func.pg_get_expr(default.adbin, default.adrelid, type_=String),
        func.nullif(cast(of.attidentity, String) + cast(of.attgenerated, String), ""),
    )
    defaults = and_(default.adrelid == of.attrelid, default.adnum == of.attnum)
    source = _CLASS.join(_ATTRIBUTE, of.attrelid == _CLASS.c.oid)
    source = source.join(_TYPE, _TYPE.c.oid == of.atttypid).outerjoin(_DEFAULT, defaults)
    return select(line).select_from(source).where(ours, of.attnum > 0, ~of.attisdropped)


def _constraints(ours: ColumnElement[bool]) -> Any:
    of = _CONSTRAINT.c
    line = _line("constraint", of.conname, func.pg_get_constraintdef(of.oid))
    source = _CLASS.join(_CONSTRAINT, of.conrelid == _CLASS.c.oid)
    return select(line).select_from(source).where(ours, of.contype != literal_column("'n'"))


def _indexes(ours: ColumnElement[bool]) -> Any:
    of = _INDEX.c
    # From USING on: what stands before it names the schema.
    how = func.regexp_replace(func.pg_get_indexdef(of.indexrelid), "^.*? USING ", "using ")
    name = cast(cast(of.indexrelid, REGCLASS), String)
    flags = _where(of.indisunique, "unique"), _where(~of.indisvalid, "invalid")
    line = _line("index", name, *flags, how)
    return select(line).select_from(_CLASS.join(_INDEX, of.indrelid == _CLASS.c.oid)).where(ours)
