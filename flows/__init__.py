"""Schedules, retries and artifacts around the stages. No logic lives here, and nothing else imports prefect."""
