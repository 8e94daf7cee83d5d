"""What every HTML and Markdown page is made of: templates, plots, thumbnails, escaping."""
