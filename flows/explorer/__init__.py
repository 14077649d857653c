"""The explorer: a page on this machine for looking at the images of a finished run, and the server of that page."""
