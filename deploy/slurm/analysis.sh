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
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
export OPENBLAS_NUM_THREADS=1 PYTHONSAFEPATH=1 DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=5
# Jobs of several users may share a machine, so each job has a port of its own.
port="${EIGENWAVE_PORT:-$((20000 + SLURM_JOB_ID % 10000))}"
# Dask would let each worker use the memory of the whole job.
memory=auto
[ -z "${SLURM_MEM_PER_CPU:-}" ] || memory="$((SLURM_MEM_PER_CPU * ${SLURM_CPUS_PER_TASK:-1}))MiB"

# Make certificates for this job alone on the shared files, so that nobody else in the network can use its scheduler.
tls="$(mktemp --directory "${EIGENWAVE_SHARED:-$HOME}/.eigenwave-tls-XXXXXX")"
# Workers end by themselves when their scheduler ends, and remove their temporary folders.
finish() {
  kill "${scheduler:-}" || true
  timeout 20 tail --pid="${workers:-}" -f /dev/null || kill "${workers:-}" || true
  rm -rf "$tls"
}
trap 'finish 2> /dev/null' EXIT
openssl req -x509 -newkey rsa:3072 -nodes -days 7 -subj /CN=eigenwave \
  -keyout "$tls/tls.key" -out "$tls/tls.crt" 2> /dev/null
cp "$tls/tls.crt" "$tls/ca.crt"
keys=(--tls-ca-file "$tls/ca.crt" --tls-cert "$tls/tls.crt" --tls-key "$tls/tls.key")

# Dask puts its temporary folder first in Python's import path, so each process uses one that nobody else can write.
private='trap : TERM; export DASK_TEMPORARY_DIRECTORY="$(mktemp --directory)"
         dask "$@"; rm -rf "$DASK_TEMPORARY_DIRECTORY"'

host="$(hostname --fqdn)"
DASK_TEMPORARY_DIRECTORY="$tls" \
  dask scheduler --protocol tls --host "$host" --port "$port" --no-dashboard "${keys[@]}" &
scheduler=$!
srun bash -c "$private" dask worker "tls://$host:$port" --nthreads 1 --memory-limit "$memory" --death-timeout 60 \
  --no-dashboard "${keys[@]}" &
workers=$!

eigenwave run "$@" --cluster "tls://$host:$port" --tls "$tls" &
run=$!
# Slurm sends a signal two minutes before the time limit. Finished work is kept, and the same job continues the run.
trap 'kill -TERM $run' TERM
status=0
wait "$run" || status=$?
# A signal ends a wait, but not the run.
while kill -0 "$run" 2> /dev/null; do status=0 && wait "$run" || status=$?; done
exit "$status"
