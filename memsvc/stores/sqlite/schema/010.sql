-- Version 10. Budgets, and what counts in them.
CREATE TABLE budgets (
    tenant TEXT NOT NULL,
    period TEXT NOT NULL,               -- day or month
    feature TEXT NOT NULL,              -- '' = all
    micros INTEGER NOT NULL,
    PRIMARY KEY (tenant, period, feature)
) WITHOUT ROWID;
CREATE TABLE budgets_used (
    tenant TEXT NOT NULL,
    period TEXT NOT NULL,               -- 2026-11-24 or 2026-11
    feature TEXT NOT NULL,              -- '' = all
    micros INTEGER NOT NULL,
    peak INTEGER NOT NULL,
    PRIMARY KEY (tenant, period, feature)
) WITHOUT ROWID;
