"""The report of a run: one HTML file that opens without a network. See `midmix.report.page.write_report`."""

from midmix.report.blocks import Planted
from midmix.report.page import write_report

__all__ = ["Planted", "write_report"]
