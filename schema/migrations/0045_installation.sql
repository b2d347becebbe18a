-- Which Opstella this is: marks in the tools name it, so that two of them on the same tools never take each other's services
-- for their own. It must not change, else nothing in the tools is ours any more. A copy of this database carries it along:
-- who runs the copy beside the original, on the same tools, first gives it an id of its own (UPDATE installation SET id =
-- gen_random_uuid(), or the configuration's key `installation`).

CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id        uuid    NOT NULL DEFAULT gen_random_uuid()
);

INSERT INTO installation DEFAULT VALUES;
