"""Documents that commands print with `--json`, as typed models. docs/schemas holds their JSON schemas."""
