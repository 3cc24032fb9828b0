"""The lab: real Envoy, real Kafka and real clients, pinned, for tests, demo and benchmarks. See README.md.

Put the folder `tests` on the module search path, then `from lab import Envoy, Kafka, free_port`.
"""

from . import paths, proxy, tools
from .broker import Kafka, Listener, java_command
from .certificates import Authority, Certificate
from .gate import Gate
from .paths import Missing
from .process import Child, Failed, accepts, end_on_signals, free_port, run_folder, wait_until
from .prometheus import Prometheus
from .proxy import Envoy, bootstrap, cluster, listener, unexpected_log_lines, wasm_filter, write_lds
from .recorder import Recorder, Recording
from .stats import Query, Stats

__all__ = [
    "Authority", "Certificate", "Child", "Envoy", "Failed", "Gate", "Kafka", "Listener", "Missing", "Prometheus", "Query", "Recorder", "Recording",
    "Stats", "accepts", "bootstrap", "cluster", "end_on_signals", "free_port", "java_command", "listener", "paths",
    "proxy", "run_folder", "tools", "unexpected_log_lines", "wait_until", "wasm_filter", "write_lds",
]
