#!/bin/bash
# A run on a Slurm cluster, whose machines share files: this job is driver, scheduler and workers.
#   sbatch deploy/slurm/analysis.sh /shared/dataset --workspace /shared/workspace [settings of eigenwave run]
#SBATCH --job-name=eigenwave
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail
export OPENBLAS_NUM_THREADS=1 PYTHONSAFEPATH=1 DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=5
port="${EIGENWAVE_PORT:-8786}"

# Make certificates for this job alone on the shared files, so that nobody else in the network can use its scheduler.
tls="$(mktemp --directory "${EIGENWAVE_SHARED:-$HOME}/.eigenwave-tls-XXXXXX")"
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$tls"' EXIT
openssl req -x509 -newkey rsa:3072 -nodes -days 7 -subj /CN=eigenwave \
  -keyout "$tls/tls.key" -out "$tls/tls.crt" 2> /dev/null
cp "$tls/tls.crt" "$tls/ca.crt"
keys=(--tls-ca-file "$tls/ca.crt" --tls-cert "$tls/tls.crt" --tls-key "$tls/tls.key")

# Dask puts its temporary folder first in Python's import path, so each machine uses one that nobody else can write.
private='export DASK_TEMPORARY_DIRECTORY="$(mktemp --directory)"; exec dask "$@"'

host="$(hostname --fqdn)"
bash -c "$private" dask scheduler --protocol tls --host "$host" --port "$port" --no-dashboard "${keys[@]}" &
srun bash -c "$private" dask worker "tls://$host:$port" --nthreads 1 --no-dashboard "${keys[@]}" &

eigenwave run "$@" --cluster "tls://$host:$port" --tls "$tls" &
run=$!
# Slurm sends a signal two minutes before the time limit. Finished work is kept, and the same job continues the run.
trap 'kill -TERM $run' TERM
status=0
wait "$run" || status=$?
# The signal ends the first wait, but not the run.
if kill -0 "$run" 2> /dev/null; then wait "$run" || status=$?; fi
exit "$status"
