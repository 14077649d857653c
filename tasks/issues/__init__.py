"""Issues of single images: find them by kind, list them in one table, and act on the list."""
