-- The journal of the ledger. What a row's entry says is told in `platform::billing::ledger`; the
-- other columns are taken from it, to find it by.
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    id       BLOB NOT NULL CHECK (length(id) = 16),
    refers   BLOB CHECK (refers IS NULL OR length(refers) = 16),
    entry    BLOB NOT NULL,
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE UNIQUE INDEX journal_id ON journal (id);
-- A reservation ends once, a transaction is reversed once.
CREATE UNIQUE INDEX journal_refers ON journal (refers) WHERE refers IS NOT NULL;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN
    SELECT raise(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN
    SELECT raise(ABORT, 'the journal is append-only');
END;

-- Without it INSERT OR REPLACE would take rows out behind the back of the trigger above.
CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal
WHEN new.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM journal)
    OR EXISTS (SELECT 1 FROM journal WHERE id = new.id)
    OR (new.refers IS NOT NULL AND EXISTS (SELECT 1 FROM journal WHERE refers = new.refers))
BEGIN
    SELECT raise(ABORT, 'the journal is append-only: not the next entry');
END;
