-- The collector's notes: which reports that tools keep are still asked for, and how far it followed the journal.
-- Rebuilt from the journal by deleting the contents of both tables.

CREATE TABLE collector_checkpoint (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE collector_reports (
    component     text NOT NULL,
    digest        text NOT NULL,
    kind          text NOT NULL,
    release       text NOT NULL,
    registered_at timestamptz NOT NULL,
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    looks         integer NOT NULL DEFAULT 0,
    anew          bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (component, digest, kind)
);

CREATE INDEX collector_due ON collector_reports (due_at);

COMMENT ON TABLE collector_reports IS 'Reports on images (project/service/component, digest) that are asked for; gone once they are there.';
COMMENT ON COLUMN collector_reports.release IS 'The newest release with the image: project/service/version.';
COMMENT ON COLUMN collector_reports.anew IS 'How often a tool said that there is a newer one; with that, it is asked for although there is one.';
