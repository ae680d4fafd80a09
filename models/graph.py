"""Graphs of a machine's data, as configured by users."""

from django.db import models

from models.machine import Machine
from models.validation import ValidatedModel

GRAPH_TYPES = [
    (1, "Scatterplot with multiple semantics"),
    (2, "Timeseries with error bands"),
    (3, "Hexbin with marginal distributions"),
    (4, "Stacked histogram on a log scale"),
    (5, "Bivariate plot with multiple elements"),
    (6, "Scatterplot with continuous hues and sizes"),
    (7, "Linear regression with marginal distributions"),
    (8, "Grouped boxplots"),
    (9, "Grouped violinplots with split violins"),
    (10, "Three-way ANOVA"),
    (11, "Large distributions"),
    (12, "Horizontal boxplot with observations"),
    (13, "Horizontal bar plots"),
]


class Graph(ValidatedModel):
    """A graph: its type and the columns that it shows."""

    machine = models.ForeignKey(Machine, on_delete=models.CASCADE)
    graph_type = models.IntegerField(default=1, choices=GRAPH_TYPES)
    hue = models.CharField(max_length=255, null=True, default="Light24")
    x = models.CharField(max_length=255, null=True, blank=True)
    y = models.CharField(max_length=255, null=True, blank=True)
    size = models.CharField(max_length=255, null=True, blank=True)
    style = models.CharField(max_length=255, null=True, blank=True)
    col = models.CharField(max_length=255, null=True, blank=True)
    row = models.CharField(max_length=255, null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.get_graph_type_display()} of {self.machine}"
