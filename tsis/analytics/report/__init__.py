"""The analytics report: one offline HTML page."""

from tsis.analytics.report.page import REPORT_TABLES, report_page

__all__ = ["REPORT_TABLES", "report_page"]
