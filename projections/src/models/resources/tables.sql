CREATE TABLE external_resources (
    project     text NOT NULL,
    service     text NOT NULL,
    tool        text NOT NULL,
    kind        text NOT NULL,
    name        text NOT NULL,
    url         text,
    provenance  text NOT NULL,        -- created, existing or adopted, by the run below
    run_id      uuid NOT NULL,        -- the run that last vouched for it
    step        text NOT NULL,
    since       timestamptz NOT NULL, -- when the service first had it, without a break
    confirmed_at timestamptz NOT NULL,
    left_behind boolean NOT NULL,     -- an operator gave up removing it
    removed_at  timestamptz,
    removal     text,                 -- deleted, or released: no longer the service's, perhaps still there
    PRIMARY KEY (project, service, tool, kind, name)
);
CREATE INDEX external_resources_step ON external_resources (project, service, step);
CREATE INDEX external_resources_tool ON external_resources (tool, kind, name);

-- Which service a run is for; only runs that are under way are needed.
CREATE TABLE resource_runs (
    run_id  uuid PRIMARY KEY,
    project text NOT NULL,
    service text NOT NULL,
    makes   boolean NOT NULL -- whether its steps make what the service has; those of a promotion do not
);
