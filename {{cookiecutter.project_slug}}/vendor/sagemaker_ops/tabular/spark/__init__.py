"""Processing of a table on Spark: the same rules, outputs and sentences as on one machine, for a table that is larger.

Spark distributes, reads and writes; the values of each batch are judged by the same code as on one machine. The driver
receives statistics only.
"""
