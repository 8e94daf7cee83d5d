"""The parts of every HTML and Markdown page: templates, plots, histograms, thumbnails, Markdown escaping."""
