-- A sign-in under way is kept by its browser; here is only which of them came back, so that none does twice.

DROP TABLE sign_in_attempts;

CREATE TABLE sign_ins_used (
    state      bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sign_ins_used_expiry ON sign_ins_used (expires_at);

COMMENT ON TABLE sign_ins_used IS 'Sign-ins that came back from the provider, by the digest of their state, as long as their browser could send them again.';
