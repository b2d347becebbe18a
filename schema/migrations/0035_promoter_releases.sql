-- The promoter's note on the newest sealed release of a service that DEV refused for now: it is asked for again until it
-- is there, or a newer one takes its place.

CREATE TABLE promoter_releases (
    service text PRIMARY KEY,
    release text NOT NULL
);

COMMENT ON TABLE promoter_releases IS 'Releases (project/service/version) that wait to be taken to DEV.';
