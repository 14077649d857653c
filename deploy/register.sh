#!/bin/sh
# Tell Prefect's server of the work pool, the deployments and the automation; again after each change of their files.
set -eu
here="$(dirname "$0")"
silent='a run whose process is silent has crashed'
prefect work-pool create eigenwave --type process --overwrite
prefect --no-prompt deploy --all --prefect-file "$here/prefect.yaml"
# One of a name: another would do the same once more.
prefect automation delete "$silent" > /dev/null 2>&1 || true
prefect automation create --from-file "$here/automations.yaml"
