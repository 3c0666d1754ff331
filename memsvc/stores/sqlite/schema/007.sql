-- What a tenant has spent, by time.
CREATE INDEX ledger_by_time ON ledger (tenant, at);
