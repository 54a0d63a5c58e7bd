"""A project's own documentation: Markdown pages from its compiled pipelines, its settings and its latest run."""
