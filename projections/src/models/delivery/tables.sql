-- One row for each deployment that is over, into any environment. The figures look at PRD only.
CREATE TABLE deployments (
    promotion_id   uuid PRIMARY KEY,
    project        text NOT NULL,
    service        text NOT NULL,
    environment    text NOT NULL,
    release        text NOT NULL,
    kind           text NOT NULL,
    outcome        text NOT NULL,     -- completed, rolled-back, failed (something may be left), unchanged
    troubled       boolean NOT NULL,  -- completed, and then degraded or taken back by a rollback
    finished_at    timestamptz NOT NULL,
    week           date NOT NULL,     -- the Monday, UTC
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);
CREATE INDEX deployments_place ON deployments (project, service, environment, transaction_id, position);
CREATE INDEX deployments_week ON deployments (week, project, service) INCLUDE (outcome, troubled)
    WHERE environment = 'PRD' AND kind = 'promote';

-- One row for each time that an environment was well again.
CREATE TABLE recoveries (
    transaction_id bigint NOT NULL,   -- of the event that it was well again by
    position       bigint NOT NULL,
    project        text NOT NULL,
    service        text NOT NULL,
    environment    text NOT NULL,
    down_since     timestamptz NOT NULL,
    recovered_at   timestamptz NOT NULL,
    week           date NOT NULL,     -- of the recovery: the Monday, UTC
    seconds        double precision NOT NULL,
    PRIMARY KEY (transaction_id, position)
);
CREATE INDEX recoveries_week ON recoveries (week, project, service) INCLUDE (seconds) WHERE environment = 'PRD';

-- One row for each change that came to an environment: there, once and for all, with the first deployment that had it.
CREATE TABLE delivered_changes (
    project        text NOT NULL,
    service        text NOT NULL,
    environment    text NOT NULL,
    component      text NOT NULL,
    commit         text NOT NULL,
    version        text NOT NULL,     -- the first release that has it; what was deployed may be a later one
    promotion_id   uuid NOT NULL,     -- the deployment
    committed_at   timestamptz,       -- as CI says
    registered_at  timestamptz NOT NULL, -- of the first release that has it
    delivered_at   timestamptz NOT NULL,
    week           date NOT NULL,     -- of the delivery: the Monday, UTC
    lead_seconds   double precision NOT NULL, -- since the commit, or where CI does not say when that was, the registration
    PRIMARY KEY (project, service, environment, component, commit)
);
CREATE INDEX delivered_changes_deployment ON delivered_changes (promotion_id) INCLUDE (lead_seconds);
CREATE INDEX delivered_changes_week ON delivered_changes (week, project, service) INCLUDE (lead_seconds)
    WHERE environment = 'PRD';

-- When each release was registered.
CREATE TABLE delivery_releases (
    project        text NOT NULL,
    service        text NOT NULL,
    version        text NOT NULL,
    registered_at  timestamptz NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    PRIMARY KEY (project, service, version)
);
CREATE INDEX delivery_releases_order ON delivery_releases (project, service, transaction_id, position);

-- Every commit of a component, with the first release that has it.
CREATE TABLE delivery_changes (
    project        text NOT NULL,
    service        text NOT NULL,
    component      text NOT NULL,
    commit         text NOT NULL,
    version        text NOT NULL,
    committed_at   timestamptz,       -- as CI says
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    PRIMARY KEY (project, service, component, commit)
);
CREATE INDEX delivery_changes_release ON delivery_changes (project, service, version, component);

-- Promotions that are not over.
CREATE TABLE delivery_promotions (
    promotion_id uuid PRIMARY KEY,
    release      text NOT NULL,
    kind         text NOT NULL,
    started_at   timestamptz,        -- when its deployment began
    components   text[] NOT NULL     -- that the release has an image of
);

-- What each environment runs, and since when something is wrong there.
CREATE TABLE delivery_environments (
    project      text NOT NULL,
    service      text NOT NULL,
    environment  text NOT NULL,
    promotion_id uuid,
    brought_at   timestamptz,        -- when that came, forward or back; null once it fell ill
    down_since   timestamptz,
    gone_transaction_id bigint,      -- when the service was last gone: what was registered before never comes here
    gone_position bigint,
    PRIMARY KEY (project, service, environment)
);

-- How far each component has come in each environment: releases need not have images of all.
CREATE TABLE delivery_reached (
    project        text NOT NULL,
    service        text NOT NULL,
    environment    text NOT NULL,
    component      text NOT NULL,
    transaction_id bigint NOT NULL,  -- the furthest registration of a release that brought it here: its changes, and
    position       bigint NOT NULL,  -- those before it, are no news here any more
    PRIMARY KEY (project, service, environment, component)
);
