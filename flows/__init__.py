"""Schedules, retries and artifacts around the stages. No logic lives here, and nothing else imports prefect.

A flow that is called reports to the server of `make up`, and to nobody else: where that is down the call fails, for
Prefect would start a server of its own, with another database, and send statistics home.
"""

import os

HOST = "127.0.0.1"
PORT = int(os.environ.get("TSIS_PREFECT_PORT", "4200"))
SILENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "DO_NOT_TRACK": "1",
}

for _name, _value in {"PREFECT_API_URL": f"http://{HOST}:{PORT}/api", **SILENT}.items():
    os.environ.setdefault(_name, _value)
