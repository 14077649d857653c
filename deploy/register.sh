#!/bin/sh
# Register work pool, deployments and automation at Prefect's server. Run it again after each change of their files.
set -eu
here="$(dirname "$0")"
silent='a run whose process is silent has crashed'
prefect work-pool create eigenwave --type process --overwrite
prefect --no-prompt deploy --all --prefect-file "$here/prefect.yaml"
# Delete the automation of this name first, since Prefect would otherwise keep both.
prefect automation delete "$silent" > /dev/null 2>&1 || true
prefect automation create --from-file "$here/automations.yaml"
