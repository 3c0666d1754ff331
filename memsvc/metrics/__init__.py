"""Prometheus metrics: counted as things happen, shown when somebody asks."""

from memsvc.metrics.counting import Metrics
from memsvc.metrics.live import Live, Look
from memsvc.metrics.table import ROWS, Row, page

__all__ = ["ROWS", "Live", "Look", "Metrics", "Row", "page"]
