CREATE TABLE projects (
    slug        text PRIMARY KEY,
    name        text NOT NULL,
    description text,
    owner       text NOT NULL,
    created_at  timestamptz NOT NULL,
    version     bigint NOT NULL
);

CREATE TABLE project_members (
    project    text NOT NULL,
    subject    text NOT NULL,
    role       text NOT NULL,
    granted_at timestamptz NOT NULL,
    granted_by text NOT NULL,
    PRIMARY KEY (project, subject, role)
);

CREATE TABLE services (
    project      text NOT NULL,
    name         text NOT NULL,
    lifecycle    text NOT NULL,
    owner        text NOT NULL,
    adopt        boolean NOT NULL,
    run_id       uuid,           -- in flight
    last_run_id  uuid NOT NULL,
    change_kind  text,           -- of an active service: component or environment
    change_name  text,
    cause        text,           -- why the last change did not come about
    left_behind  boolean NOT NULL,
    requested_at timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint NOT NULL,
    state        jsonb NOT NULL, -- the aggregate, for the next event
    PRIMARY KEY (project, name)
);
CREATE INDEX services_lifecycle ON services (lifecycle, project, name);

CREATE TABLE service_components (
    project          text NOT NULL,
    service          text NOT NULL,
    name             text NOT NULL,
    ordinal          integer NOT NULL,
    template         text NOT NULL,
    template_version text NOT NULL,
    state            text NOT NULL,
    since            timestamptz NOT NULL,
    PRIMARY KEY (project, service, name)
);

CREATE TABLE service_environments (
    project     text NOT NULL,
    service     text NOT NULL,
    environment text NOT NULL,
    ordinal     integer NOT NULL,
    state       text NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (project, service, environment)
);

CREATE TABLE template_versions (
    name          text NOT NULL,
    version       text NOT NULL,
    number        bigint[] NOT NULL, -- for the order: 1.10.0 is above 1.9.0
    description   text NOT NULL,
    digest        text NOT NULL,
    registered_at timestamptz NOT NULL,
    sequence      bigint NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE tool_connections (
    tool         text NOT NULL,
    name         text NOT NULL,
    url          text NOT NULL,
    credential   text NOT NULL,
    settings     jsonb NOT NULL,
    connected_at timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint NOT NULL,
    PRIMARY KEY (tool, name)
);
