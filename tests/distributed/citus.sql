-- What the command calls of Citus, on a plain PostgreSQL. It moves no row: what is shown with it is
-- that the SQL runs, that it leaves the keys that it should, and that the service works with these
-- keys. It refuses what Citus refuses, so far as the command could do it wrong.
CREATE SCHEMA citus_stub;
CREATE TABLE citus_stub.pg_dist_local_group (groupid int);
INSERT INTO citus_stub.pg_dist_local_group VALUES (0);
CREATE TABLE citus_stub.pg_dist_partition (
    logicalrelid regclass PRIMARY KEY, partkey text, partmethod text
);

CREATE FUNCTION citus_stub.create_distributed_table(
    moved regclass, of_column text, kind text, beside text, shards int DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    refused text;
BEGIN
    IF beside <> 'none' AND beside::regclass NOT IN (SELECT logicalrelid FROM citus_stub.pg_dist_partition) THEN
        RAISE USING MESSAGE = 'not distributed: ' || beside;
    END IF;
    SELECT tgname INTO refused FROM pg_trigger WHERE tgrelid = moved AND NOT tgisinternal;
    IF FOUND THEN
        RAISE USING MESSAGE = 'cannot distribute a table that has triggers: ' || refused;
    END IF;
    SELECT conname INTO refused FROM pg_constraint WHERE conrelid = moved AND contype = 'f';
    IF FOUND THEN
        RAISE USING MESSAGE = 'cannot create a foreign key to a local table: ' || refused;
    END IF;
    SELECT conname INTO refused FROM pg_constraint WHERE conrelid = moved AND contype IN ('p', 'u')
        AND of_column NOT IN (SELECT attname FROM pg_attribute WHERE attrelid = moved AND attnum = ANY (conkey));
    IF FOUND THEN
        RAISE USING MESSAGE = 'this key does not include the column: ' || refused;
    END IF;
    INSERT INTO citus_stub.pg_dist_partition VALUES (moved, of_column, 'h');
END $$;

CREATE FUNCTION citus_stub.create_reference_table(copied regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO citus_stub.pg_dist_partition VALUES (copied, NULL, 'n');
$$;
