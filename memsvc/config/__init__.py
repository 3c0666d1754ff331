"""Settings: one schema, from `MEMSVC_*` variables over a TOML file over defaults."""

from memsvc.config.describe import Row, allowed, describe, markdown
from memsvc.config.load import embedded_config, load_config
from memsvc.config.schema import CONFIG_FILE, PREFIX, Config, ConfigError
from memsvc.config.values import own_server

__all__ = [
    "CONFIG_FILE",
    "PREFIX",
    "Config",
    "ConfigError",
    "Row",
    "allowed",
    "describe",
    "embedded_config",
    "load_config",
    "markdown",
    "own_server",
]
