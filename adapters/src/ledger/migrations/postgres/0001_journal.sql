-- The journal of the ledger. What a row's entry says is told in `platform::billing::ledger`; the
-- other columns are taken from it, to find it by.
CREATE TABLE harpoon.journal (
    sequence BIGINT PRIMARY KEY CHECK (sequence > 0),
    id       BYTEA NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    -- Nulls are no duplicates. A reservation ends once, a transaction is reversed once.
    refers   BYTEA UNIQUE CHECK (octet_length(refers) = 16),
    entry    BYTEA NOT NULL,
    hash     BYTEA NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE FUNCTION harpoon.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END
$$;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON harpoon.journal
FOR EACH STATEMENT EXECUTE FUNCTION harpoon.refuse();
