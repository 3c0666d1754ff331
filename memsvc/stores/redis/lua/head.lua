-- The header.
-- KEYS header settings
-- ARGV stamp of the settings that the caller has
-- Gives {header, settings} or {}.
local s, raw = header(KEYS[1])
if not s then return {} end
return {raw, settings(KEYS[2], s, ARGV[1])}
