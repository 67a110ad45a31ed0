#!/usr/bin/env bash
# Not verified on a Jetson. Counts a CSI camera with any OpenCV: GStreamer reads the camera, skt-count a pipe.
#   csi_pipe.sh [SENSOR] [skt-count's options, such as --sink counts.csv]
set -euo pipefail
sensor=${1:-0}
shift || true
gst-launch-1.0 -q nvarguscamerasrc sensor-id="$sensor" \
  ! 'video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1' \
  ! nvvidconv ! 'video/x-raw,format=BGRx' ! videoconvert ! 'video/x-raw,format=BGR' ! fdsink fd=1 \
  | skt-count 'raw://1920x1080?format=bgr24' --every 1 --policy latest --camera "csi $sensor" "$@"
