-- Originals of reports, by the digest of their contents: what evidence rests on. Never changed, never deleted by Opstella.

CREATE TABLE reports (
    digest       text PRIMARY KEY CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    content      bytea NOT NULL,
    content_type text NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE reports IS 'Originals of reports, by the digest of their contents. Evidence names the digest.';
