#!/bin/bash
# Workers on other hosts and the driver on this one: `bash ssh.sh ADDRESS HOST...`
# ADDRESS is this host's, as the others reach it. All hosts see this folder at the same path.
address=$1
shift
for host in "$@"; do
  ssh "$host" "cd '$PWD' && arl worker run/scheduler.json" &
done
arl sweep ppo/Acrobot-v1 --tuner asha --budget 64 --name acrobot --cluster run/scheduler.json --cluster-host "$address"
wait
