#!/usr/bin/env bash
# Not verified on a Jetson. Shows the power mode and those that this module has, or sets one by its name.
#   power_mode.sh            the present mode, and all
#   power_mode.sh 15W        as root; some modes ask for a restart
set -euo pipefail
table=${NVPMODEL_CONF:-/etc/nvpmodel.conf}
modes() { sed -n 's/^[[:space:]]*<[[:space:]]*POWER_MODEL[[:space:]]\{1,\}ID=\([0-9]\{1,\}\)[[:space:]]\{1,\}NAME=\([^ >]*\).*/\1 \2/p' "$table"; }
if [ $# = 0 ]; then
  nvpmodel -q
  modes
  exit
fi
number=$(modes | awk -v name="$1" '$2 == name {print $1; exit}')
if [ -z "$number" ]; then
  echo "error: no power mode $1 (this module has: $(modes | awk '{print $2}' | paste -sd' '))" >&2
  exit 2
fi
nvpmodel -m "$number"
