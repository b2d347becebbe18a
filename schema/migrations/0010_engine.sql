-- The engine's notes on the journal: which runs have not ended. Rebuilt from the journal by deleting both rows and tables' contents.

CREATE TABLE engine_checkpoint (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE engine_open_runs (
    run uuid PRIMARY KEY
);

COMMENT ON TABLE engine_open_runs IS 'Runs that have not ended, up to engine_checkpoint. A new engine takes them over.';
