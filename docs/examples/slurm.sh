#!/bin/bash
# A job of 32 workers and a driver: `sbatch slurm.sh`. Submitted again, it goes on with the same sweep.
# For GPUs: --ntasks=9 --gpus-per-task=1, and 8 workers.
#SBATCH --job-name=arl
#SBATCH --ntasks=33
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4G
#SBATCH --time=04:00:00

srun --ntasks=32 --exact arl worker run/scheduler.json --processes 1 &
arl sweep ppo/Acrobot-v1 --tuner asha --budget 256 --name acrobot --cluster run/scheduler.json --cluster-host "$(hostname -i)"
wait
