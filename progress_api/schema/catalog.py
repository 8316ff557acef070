"""Queries on the system catalog: the exact definition of tables, and missing privileges."""

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


def schema_fingerprint(tables: Sequence[str]) -> CompoundSelect[Any]:
    """Build the query for one line per column, constraint and index of existing tables.

    Two tables are the same if their lines are the same. The lines leave out the schema, and the
    names of NOT NULL constraints, which only newer versions of PostgreSQL have.

    Args:
        tables: table names, looked up in the search path.
    """
    is_included = _CLASS.c.oid.in_([func.to_regclass(name) for name in tables])
    return union_all(_columns(is_included), _constraints(is_included), _indexes(is_included))


def missing_usage(name: str, schema: str | None) -> Select[Any]:
    """Build the query for the schemas with this table on which the role lacks USAGE.

    Args:
        name: the name of the table.
        schema: the schema of the table; None for any schema, if the table is not in the search
            path.
    """
    line = "USAGE on schema " + _NAMESPACE.c.nspname
    source = _CLASS.join(_NAMESPACE, _NAMESPACE.c.oid == _CLASS.c.relnamespace)
    is_searched = _NAMESPACE.c.nspname == schema if schema else func.to_regclass(name).is_(None)
    usage = func.has_schema_privilege(_NAMESPACE.c.oid, "USAGE", type_=Boolean)
    return select(line).select_from(source).where(_CLASS.c.relname == name, is_searched, ~usage)


def missing_privileges(needed: Mapping[str, Sequence[str]], schema: str | None) -> Select[Any]:
    """Build the query for the table privileges that the current role lacks.

    Args:
        needed: privileges by table name. A missing table is not reported.
        schema: the schema of the tables; None for the search path.
    """
    prefix = f"{schema}." if schema else ""
    pairs = values(column("name", String), column("privilege", String), name="needed").data(
        [(name, privilege) for name, privileges in needed.items() for privilege in privileges]
    )
    oid = func.to_regclass(prefix + pairs.c.name)
    has = func.has_table_privilege(oid, pairs.c.privilege, type_=Boolean)
    return select(pairs.c.privilege + " on " + pairs.c.name).where(~has)


def constraint_definitions(tables: Sequence[str]) -> Select[Any]:
    """Build the query for the names and definitions of the constraints of existing tables.

    Args:
        tables: table names, looked up in the search path.
    """
    of = _CONSTRAINT.c
    oids = [func.to_regclass(name) for name in tables]
    definition = func.pg_get_constraintdef(of.oid, type_=String)
    return select(of.conname, definition).where(of.conrelid.in_(oids))


def _line(kind: str, *parts: ColumnElement[Any]) -> ColumnElement[str]:
    return func.concat_ws(" ", _CLASS.c.relname + f": {kind}", *parts)


def _if(condition: ColumnElement[bool], text: str) -> ColumnElement[Any]:
    return case((condition, text))


def _columns(is_included: ColumnElement[bool]) -> Any:
    of, default = _ATTRIBUTE.c, _DEFAULT.c
    collation = cast(func.nullif(of.attcollation, _TYPE.c.typcollation), String)
    line = _line(
        "column",
        of.attname,
        func.format_type(of.atttypid, of.atttypmod),
        "collation " + collation,
        _if(of.attnotnull, "not null"),
        "default " + func.pg_get_expr(default.adbin, default.adrelid, type_=String),
        func.nullif(cast(of.attidentity, String) + cast(of.attgenerated, String), ""),
    )
    defaults = and_(default.adrelid == of.attrelid, default.adnum == of.attnum)
    source = _CLASS.join(_ATTRIBUTE, of.attrelid == _CLASS.c.oid)
    source = source.join(_TYPE, _TYPE.c.oid == of.atttypid).outerjoin(_DEFAULT, defaults)
    return select(line).select_from(source).where(is_included, of.attnum > 0, ~of.attisdropped)


def _constraints(is_included: ColumnElement[bool]) -> Any:
    of = _CONSTRAINT.c
    line = _line("constraint", of.conname, func.pg_get_constraintdef(of.oid))
    source = _CLASS.join(_CONSTRAINT, of.conrelid == _CLASS.c.oid)
    return select(line).select_from(source).where(is_included, of.contype != literal_column("'n'"))


def _indexes(is_included: ColumnElement[bool]) -> Any:
    of = _INDEX.c
    # Start at USING, because the text before it names the schema.
    definition = func.regexp_replace(func.pg_get_indexdef(of.indexrelid), "^.*? USING ", "using ")
    name = cast(cast(of.indexrelid, REGCLASS), String)
    flags = _if(of.indisunique, "unique"), _if(~of.indisvalid, "invalid")
    line = _line("index", name, *flags, definition)
    return (
        select(line)
        .select_from(_CLASS.join(_INDEX, of.indrelid == _CLASS.c.oid))
        .where(is_included)
    )
