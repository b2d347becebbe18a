CREATE TABLE releases (
    project        text NOT NULL,
    service        text NOT NULL,
    version        text NOT NULL,
    sealed         boolean NOT NULL,
    authors        text[] NOT NULL,
    registered_at  timestamptz NOT NULL,
    sealed_at      timestamptz,
    updated_at     timestamptz NOT NULL,
    sequence       bigint NOT NULL,      -- of the stream's newest event
    transaction_id bigint NOT NULL,      -- of the registration: the order of the list
    position       bigint NOT NULL,
    PRIMARY KEY (project, service, version)
);
CREATE INDEX releases_newest ON releases (project, service, transaction_id, position);

CREATE TABLE release_images (
    project   text NOT NULL,
    service   text NOT NULL,
    version   text NOT NULL,
    component text NOT NULL,
    digest    text NOT NULL,
    commit    text NOT NULL,
    committed_at timestamptz,  -- as CI says
    pipeline  text,
    author    text NOT NULL,
    added_at  timestamptz NOT NULL,
    PRIMARY KEY (project, service, version, component)
);
CREATE INDEX release_images_digest ON release_images (project, service, component, digest);

CREATE TABLE release_waivers (
    project    text NOT NULL,
    service    text NOT NULL,
    version    text NOT NULL,
    id         uuid NOT NULL,
    gate       text NOT NULL,
    finding    text,            -- the whole gate where absent
    reason     text NOT NULL,
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revocation text,            -- why
    PRIMARY KEY (project, service, version, id)
);

-- Every report that was ever taken; `newest` marks the one of its kind, environment, images there, and series that counts.
CREATE TABLE evidence (
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    project        text NOT NULL,
    service        text NOT NULL,
    component      text NOT NULL,
    digest         text NOT NULL,
    kind           text NOT NULL,
    environment    text,        -- of a dynamic scan
    ran            jsonb NOT NULL, -- the images that it ran then
    series         text,        -- which of several of its kind: the tools, the suite
    report         text NOT NULL,
    size           bigint NOT NULL,
    tool           text NOT NULL,
    produced_at    timestamptz,
    recorded_at    timestamptz NOT NULL,
    verdict        text NOT NULL,
    counts         jsonb NOT NULL,
    findings       jsonb NOT NULL,
    tests          jsonb,
    packages       bigint,      -- of a bill of materials
    origin         text NOT NULL, -- uploaded, or fetched from the tool
    newest         boolean NOT NULL,
    PRIMARY KEY (transaction_id, position)
);
CREATE INDEX evidence_artifact ON evidence (project, service, component, digest, transaction_id, position);
CREATE INDEX evidence_newest ON evidence (project, service, component, digest) WHERE newest;
